using System.Globalization;
using System.Text.Json;
using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>Which loads kept what they replaced, where, and by which columns the rows are found.</summary>
/// <param name="Table">The table with the rows as they were; see <see cref="MergeOptions.BeforeImages"/>.</param>
/// <param name="Key">The merge's key.</param>
/// <param name="ValidFromColumn">Of a merge by SCD2, when a version began; else null.</param>
/// <param name="ValidToColumn">Of a merge by SCD2, when a version ended; else null.</param>
internal sealed record BeforeImages(TableName Table, IReadOnlyList<string> Key, string? ValidFromColumn, string? ValidToColumn)
{
    /// <summary>How many loads of a table keep theirs: when one is added, the oldest go.</summary>
    public const int LoadsKept = 10;

    /// <summary>Notes that a load keeps its before-images, in its transaction.</summary>
    public static async Task RecordAsync(IWarehouseTransaction transaction, long loadId, TableName table, MergeOptions options, CancellationToken cancellationToken)
    {
        var isHistory = options.Strategy == MergeStrategy.Scd2;
        await transaction.ExecuteAsync(
            """
            INSERT INTO dataplatform.before_images (load_id, table_name, image_schema, image_name, key_columns, valid_from_column, valid_to_column)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                loadId, table.ToString(), options.BeforeImages!.Value.Schema, options.BeforeImages.Value.Name, JsonSerializer.Serialize(options.Key.ToArray(), LedgerJson.Default.StringArray),
                isHistory ? options.ValidFromColumn : null, isHistory ? options.ValidToColumn : null,
            ],
            cancellationToken).ConfigureAwait(false);
        var old = await transaction.QueryAsync(
            string.Create(CultureInfo.InvariantCulture, $"SELECT load_id, image_schema, image_name FROM dataplatform.before_images WHERE table_name = $1 ORDER BY load_id DESC OFFSET {LoadsKept}"),
            [table.ToString()], cancellationToken).ConfigureAwait(false);
        foreach (var row in old)
            await DropAsync(transaction, Convert.ToInt64(row[0], CultureInfo.InvariantCulture), new TableName((string)row[1]!, (string)row[2]!), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What a load kept, or null.</summary>
    public static async Task<BeforeImages?> FindAsync(IWarehouseTransaction transaction, long loadId, CancellationToken cancellationToken)
    {
        var rows = await transaction.QueryAsync(
            "SELECT image_schema, image_name, key_columns, valid_from_column, valid_to_column FROM dataplatform.before_images WHERE load_id = $1", [loadId], cancellationToken).ConfigureAwait(false);
        return rows is [var row]
            ? new BeforeImages(
                new TableName((string)row[0]!, (string)row[1]!), JsonSerializer.Deserialize((string)row[2]!, LedgerJson.Default.StringArray)!, (string?)row[3], (string?)row[4])
            : null;
    }

    /// <summary>Forgets them.</summary>
    public static async Task DropAsync(IWarehouseTransaction transaction, long loadId, TableName images, CancellationToken cancellationToken)
    {
        await transaction.ExecuteAsync("DELETE FROM dataplatform.before_images WHERE load_id = $1", [loadId], cancellationToken).ConfigureAwait(false);
        await transaction.ExecuteAsync($"DROP TABLE {images.ToSql()}", cancellationToken: cancellationToken).ConfigureAwait(false);
    }
}
