using System.Globalization;
using System.Text;

namespace DataPlatform.Benchmarks;

/// <summary>Writes the CSV file of orders; the same seed gives the same bytes.</summary>
internal static class OrdersFile
{
    public const string Columns =
        "order_id bigint, customer_id integer, amount numeric(12,2), score double precision, order_date date, created_at timestamp, category text, reference text, note text, paid boolean";

    public static string ColumnNames { get; } = string.Join(", ", Columns.Split(", ").Select(column => column.Split(' ')[0]));

    /// <summary>The file; made when it is not there yet.</summary>
    /// <param name="rows">How many rows.</param>
    /// <param name="firstId">The id of the first of them.</param>
    /// <param name="bad">Adds a row in a hundred whose amount is no number.</param>
    public static string Ensure(int rows, int firstId = 0, bool bad = false)
    {
        // Among none but its like: a source lists the folder.
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "dataplatform-orders"));
        var path = Path.Combine(folder.FullName, $"{rows}-{firstId}{(bad ? "-bad" : "")}.csv");
        if (File.Exists(path)) return path;
        var random = new Random(42 + firstId);
        var line = new StringBuilder();
        using (var file = new StreamWriter($"{path}.part", append: false, new UTF8Encoding(false), 1 << 20))
        {
            file.Write("order_id,customer_id,amount,score,order_date,created_at,category,reference,note,paid\n");
            for (var i = firstId; i < firstId + rows; i++)
            {
                var at = new DateTime(2020, 1, 1).AddMilliseconds(random.NextInt64(5L * 365 * 24 * 3600 * 1000));
                line.Clear();
                line.Append(CultureInfo.InvariantCulture, $"{i},{random.Next(1_000_000)},{random.Next(10_000_000) / 100m:0.00},{random.NextDouble():R},");
                line.Append(CultureInfo.InvariantCulture, $"{at:yyyy-MM-dd},{at:yyyy-MM-dd HH:mm:ss.fff},category-{random.Next(20):00},{random.NextInt64():x16}{i:x8},");
                if (random.Next(3) > 0) line.Append(CultureInfo.InvariantCulture, $"\"note {random.Next(100_000)}, urgent\"");
                line.Append(random.Next(2) == 0 ? ",true\n" : ",false\n");
                file.Write(line);
                if (bad && i % 100 == 0) file.Write(line.Replace(",", ",x", 0, line.ToString().IndexOf(',', StringComparison.Ordinal) + 1));
            }
        }

        File.Move($"{path}.part", path);
        return path;
    }
}
