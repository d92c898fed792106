using System.Globalization;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt;

/// <summary>Rows of a query as tests write them: values between bars, those without one as null, and dates as ISO 8601 has them.</summary>
internal static class ResultRows
{
    public static async Task<string[]> QueryAsync(IWarehouse warehouse, string sql)
    {
        await using var transaction = await warehouse.BeginAsync(TestContext.Current.CancellationToken);
        var rows = await transaction.QueryAsync(sql);
        await transaction.CommitAsync();
        return [.. rows.Select(row => string.Join("|", row.Select(Print)))];
    }

    private static string Print(object? value) => value switch
    {
        null => "null",
        DateTime { TimeOfDay.Ticks: 0 } date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        DateTime time => time.ToString("yyyy-MM-dd HH:mm:ss.FFFFFF", CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
