using Apache.Arrow;
using Apache.Arrow.Arrays;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.DuckDb.Columns;

/// <summary>Takes rows of .NET values out of record batches.</summary>
internal static class RowReader
{
    private const long UnixEpochTicks = 621_355_968_000_000_000;
    private const long TicksPerMicrosecond = 10;

    /// <summary>The rows of a batch.</summary>
    public static IEnumerable<object?[]> Read(RecordBatch batch)
    {
        var columns = batch.Arrays.ToArray();
        for (var row = 0; row < batch.Length; row++)
        {
            var values = new object?[columns.Length];
            for (var i = 0; i < columns.Length; i++) values[i] = columns[i].IsNull(row) ? null : Value(columns[i], row, batch.Schema.GetFieldByIndex(i));
            yield return values;
        }
    }

    private static object Value(IArrowArray column, int row, Field field)
    {
        try
        {
            return column switch
            {
                BooleanArray array => array.GetValue(row)!.Value,
                Int16Array array => array.GetValue(row)!.Value,
                Int32Array array => array.GetValue(row)!.Value,
                Int64Array array => array.GetValue(row)!.Value,
                FloatArray array => array.GetValue(row)!.Value,
                DoubleArray array => array.GetValue(row)!.Value,
                Decimal128Array array => array.GetValue(row)!.Value,
                StringArray array => array.GetString(row),
                BinaryArray array => array.GetBytes(row).ToArray(),
                FixedSizeBinaryArray array => new Guid(array.GetBytes(row), bigEndian: true),
                Date32Array array => array.GetDateOnly(row)!.Value,
                Time64Array array => new TimeOnly(array.GetValue(row)!.Value * TicksPerMicrosecond),
                TimestampArray array => Moment(array.GetValue(row)!.Value, (TimestampType)field.DataType),
                ListArray array => Elements(array, row, ColumnTypes.ElementOf(field)!),
                _ => throw new NotSupportedException($"Arrays of type {column.Data.DataType.Name} are not read."),
            };
        }
        catch (Exception e) when (e is OverflowException or ArgumentOutOfRangeException)
        {
            throw new WarehouseException(
                FailureClass.Data,
                $"Column '{field.Name}' has a value that is too large for .NET.",
                $"Round it, or read the column as text: \"{field.Name}\"::text.",
                e);
        }
    }

    private static object?[] Elements(ListArray lists, int row, Field element)
    {
        var (first, end) = (lists.ValueOffsets[row], lists.ValueOffsets[row + 1]);
        return [.. Enumerable.Range(first, end - first).Select(i => lists.Values.IsNull(i) ? null : Value(lists.Values, i, element))];
    }

    private static object Moment(long micros, TimestampType type)
    {
        var ticks = checked(UnixEpochTicks + micros * TicksPerMicrosecond);
        return string.IsNullOrEmpty(type.Timezone) ? (object)new DateTime(ticks, DateTimeKind.Unspecified) : new DateTimeOffset(ticks, TimeSpan.Zero);
    }
}
