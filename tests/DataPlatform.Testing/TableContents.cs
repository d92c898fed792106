using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Apache.Arrow;
using DataPlatform.Ledger;
using DataPlatform.Warehouses;

namespace DataPlatform.Testing;

/// <summary>What a warehouse's tables hold, in a form that can be compared between runs and between systems.</summary>
public static class TableContents
{
    /// <summary>
    /// A hash for each table and view of the given schemas: over its column names and its rows, sorted, without the column <c>_load_id</c>,
    /// which tells loads apart and so differs between runs. Of <c>_valid_from</c> and <c>_valid_to</c>, which are moments of loads, it counts only whether there is a value.
    /// </summary>
    public static async Task<SortedDictionary<string, string>> HashAsync(IWarehouse warehouse, params IReadOnlyList<string> schemas)
    {
        ArgumentNullException.ThrowIfNull(warehouse);
        IReadOnlyList<object?[]> tables;
        await using (var transaction = await warehouse.BeginAsync())
            tables = await transaction.QueryAsync("SELECT CAST(table_schema AS text), CAST(table_name AS text) FROM information_schema.tables");

        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var row in tables)
        {
            var table = new TableName((string)row[0]!, (string)row[1]!);
            if (schemas.Contains(table.Schema, StringComparer.Ordinal)) hashes[table.ToString()] = await HashAsync(warehouse, table);
        }

        return hashes;
    }

    private static async Task<string> HashAsync(IWarehouse warehouse, TableName table)
    {
        var rows = new List<string>();
        var header = "";
        await foreach (var batch in warehouse.ReadAsync($"SELECT * FROM {table.ToSql()}"))
        {
            using (batch)
            {
                var columns = Enumerable.Range(0, batch.ColumnCount).Where(i => batch.Schema.GetFieldByIndex(i).Name != LoadTransaction.LoadIdColumn).ToList();
                header = string.Join('\u001f', columns.Select(i => batch.Schema.GetFieldByIndex(i).Name));
                var moments = columns.Where(i => batch.Schema.GetFieldByIndex(i).Name is "_valid_from" or "_valid_to").ToHashSet();
                for (var i = 0; i < batch.Length; i++)
                    rows.Add(string.Join('\u001f', columns.Select(c => moments.Contains(c) && !batch.Column(c).IsNull(i) ? "a moment" : Text(batch.Column(c), i))));
            }
        }

        rows.Sort(StringComparer.Ordinal);
        rows.Insert(0, header);
        return $"{rows.Count - 1} rows {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', rows))))[..16]}";
    }

    // Numbers print alike whatever their width, so that bigint and numeric sums compare.
    private static string Text(IArrowArray column, int row) => column.IsNull(row) ? "∅" : column switch
    {
        BooleanArray array => array.GetValue(row)!.Value ? "true" : "false",
        Int16Array array => Number(array.GetValue(row)!.Value),
        Int32Array array => Number(array.GetValue(row)!.Value),
        Int64Array array => Number(array.GetValue(row)!.Value),
        FloatArray array => array.GetValue(row)!.Value.ToString("R", CultureInfo.InvariantCulture),
        DoubleArray array => array.GetValue(row)!.Value.ToString("R", CultureInfo.InvariantCulture),
        Decimal128Array array => Number(array.GetValue(row)!.Value),
        StringArray array => array.GetString(row),
        BinaryArray array => Convert.ToHexString(array.GetBytes(row)),
        Apache.Arrow.Arrays.FixedSizeBinaryArray array => Convert.ToHexString(array.GetBytes(row)),
        Date32Array array => array.GetDateOnly(row)!.Value.ToString("O", CultureInfo.InvariantCulture),
        TimestampArray array => array.GetTimestamp(row)!.Value.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
        Time64Array array => array.GetValue(row)!.Value.ToString(CultureInfo.InvariantCulture),
        _ => throw new NotSupportedException($"{column.GetType().Name} has no text form here."),
    };

    private static string Number(decimal value) => (value / 1.000000000000000000000000000000m).ToString(CultureInfo.InvariantCulture);
}
