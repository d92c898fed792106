using System.Globalization;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Testing;

/// <summary>
/// Record batches from rows of values and back. Values are what a test can compare exactly: bool, short, int, long, float, double, string, byte[], Guid,
/// the unscaled <see cref="Int128"/> of a decimal, days since 1970 as int, microseconds (of the day, or since 1970) as long.
/// A list is an array of objects. Rows going in may also have decimal, DateOnly, TimeOnly and DateTime.
/// </summary>
public static class RecordBatches
{
    /// <summary>Makes a batch of rows.</summary>
    public static RecordBatch Create(Schema schema, IReadOnlyList<object?[]> rows)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(rows);
        return new RecordBatch(schema, schema.FieldsList.Select((field, i) => ToArray(field, [.. rows.Select(row => row[i])])), rows.Count);
    }

    /// <summary>The rows of a batch.</summary>
    public static IEnumerable<object?[]> ToRows(this RecordBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        for (var row = 0; row < batch.Length; row++)
        {
            var values = new object?[batch.ColumnCount];
            for (var column = 0; column < values.Length; column++) values[column] = Read(batch.Schema.GetFieldByIndex(column), batch.Column(column), row);
            yield return values;
        }
    }

    /// <summary>The rows of all batches, which are disposed of.</summary>
    public static async Task<List<object?[]>> ToRowsAsync(this IAsyncEnumerable<RecordBatch> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        var rows = new List<object?[]>();
        await foreach (var batch in batches)
        {
            using (batch) rows.AddRange(batch.ToRows());
        }

        return rows;
    }

    private static IArrowArray ToArray(Field field, object?[] values) => field.DataType switch
    {
        _ when ColumnTypes.IsUuid(field) => Fixed(field, values, value => new Guid(((Guid)value).ToByteArray(bigEndian: true))),
        BooleanType => Booleans(values),
        Int16Type => Fixed(field, values, value => (short)value),
        Int32Type => Fixed(field, values, value => (int)value),
        Int64Type => Fixed(field, values, value => (long)value),
        FloatType => Fixed(field, values, value => (float)value),
        DoubleType => Fixed(field, values, value => (double)value),
        Decimal128Type type => Fixed(field, values, value => value is decimal number ? (Int128)(number * (decimal)Math.Pow(10, type.Scale)) : (Int128)value),
        Date32Type => Fixed(field, values, value => value is DateOnly date ? date.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber : (int)value),
        Time64Type => Fixed(field, values, value => value is TimeOnly time ? time.Ticks / TimeSpan.TicksPerMicrosecond : (long)value),
        TimestampType => Fixed(field, values, value => value is DateTime time ? (time.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond : (long)value),
        StringType => values.Aggregate(new StringArray.Builder(), (builder, value) => value is null ? builder.AppendNull() : builder.Append((string)value)).Build(),
        BinaryType => values.Aggregate(new BinaryArray.Builder(), (builder, value) => value is null ? builder.AppendNull() : builder.Append((IEnumerable<byte>)value)).Build(),
        ListType => Lists(field, values),
        _ => throw new NotSupportedException(field.DataType.Name),
    };

    private static object? Read(Field field, IArrowArray array, int row) => array.IsNull(row) ? null : field.DataType switch
    {
        _ when ColumnTypes.IsUuid(field) => new Guid(((Apache.Arrow.Arrays.FixedSizeBinaryArray)array).GetBytes(row), bigEndian: true),
        BooleanType => ((BooleanArray)array).GetValue(row)!.Value,
        Int16Type => Fixed<short>(array, row),
        Int32Type or Date32Type => Fixed<int>(array, row),
        Int64Type or Time64Type or TimestampType => Fixed<long>(array, row),
        FloatType => Fixed<float>(array, row),
        DoubleType => Fixed<double>(array, row),
        Decimal128Type => Fixed<Int128>(array, row),
        StringType => ((StringArray)array).GetString(row),
        BinaryType => ((BinaryArray)array).GetBytes(row).ToArray(),
        ListType => Elements(ColumnTypes.ElementOf(field)!, (ListArray)array, row),
        _ => throw new NotSupportedException(field.DataType.Name),
    };

    private static IArrowArray Fixed<T>(Field field, object?[] values, Func<object, T> convert) where T : struct
    {
        var validity = new ArrowBuffer.BitmapBuilder();
        var data = new ArrowBuffer.Builder<T>();
        foreach (var value in values)
        {
            validity.Append(value is not null);
            data.Append(value is null ? default : convert(value));
        }

        return ArrowArrayFactory.BuildArray(new ArrayData(field.DataType, values.Length, validity.UnsetBitCount, 0, [validity.Build(), data.Build()]));
    }

    private static T Fixed<T>(IArrowArray array, int row) where T : struct =>
        MemoryMarshal.Cast<byte, T>(array.Data.Buffers[1].Span)[array.Offset + row];

    private static IArrowArray Lists(Field field, object?[] values)
    {
        var validity = new ArrowBuffer.BitmapBuilder();
        var offsets = new ArrowBuffer.Builder<int>().Append(0);
        var elements = new List<object?>();
        foreach (var value in values)
        {
            validity.Append(value is not null);
            elements.AddRange((object?[]?)value ?? []);
            offsets.Append(elements.Count);
        }

        var children = ToArray(ColumnTypes.ElementOf(field)!, [.. elements]).Data;
        return ArrowArrayFactory.BuildArray(new ArrayData(field.DataType, values.Length, validity.UnsetBitCount, 0, [validity.Build(), offsets.Build()], [children]));
    }

    private static object?[] Elements(Field element, ListArray lists, int row)
    {
        var (first, end) = (lists.ValueOffsets[row], lists.ValueOffsets[row + 1]);
        return [.. Enumerable.Range(first, end - first).Select(i => Read(element, lists.Values, i))];
    }

    private static BooleanArray Booleans(object?[] values)
    {
        var builder = new BooleanArray.Builder();
        foreach (var value in values) _ = value is null ? builder.AppendNull() : builder.Append((bool)value);
        return builder.Build();
    }

    /// <summary>Fails at the first value in which two lists of rows differ.</summary>
    public static void ShouldEqual(this IReadOnlyList<object?[]> actual, IReadOnlyList<object?[]> expected)
    {
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(expected);
        for (var row = 0; row < Math.Min(actual.Count, expected.Count); row++)
        {
            if (actual[row].Length != expected[row].Length) throw new InvalidOperationException($"Row {row} has {actual[row].Length} columns, not {expected[row].Length}.");
            for (var column = 0; column < expected[row].Length; column++)
            {
                if (!Same(actual[row][column], expected[row][column]))
                    throw new InvalidOperationException($"Row {row}, column {column} is {Show(actual[row][column])}, not {Show(expected[row][column])}.");
            }
        }

        if (actual.Count != expected.Count) throw new InvalidOperationException($"There are {actual.Count} rows, not {expected.Count}.");
    }

    private static bool Same(object? left, object? right) => (left, right) switch
    {
        (byte[] leftBytes, byte[] rightBytes) => leftBytes.AsSpan().SequenceEqual(rightBytes),
        (object?[] leftList, object?[] rightList) => leftList.Length == rightList.Length && leftList.Zip(rightList).All(pair => Same(pair.First, pair.Second)),
        _ => Equals(left, right),
    };

    private static string Show(object? value) => value switch
    {
        null => "NULL",
        byte[] bytes => Convert.ToHexString(bytes),
        object?[] list => $"[{string.Join(", ", list.Select(Show))}]",
        _ => $"{Convert.ToString(value, CultureInfo.InvariantCulture)} ({value.GetType().Name})",
    };
}
