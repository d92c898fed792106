using System.Buffers.Binary;
using System.Globalization;
using Apache.Arrow;
using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Columns;

/// <summary>Gathers the values of one column from DuckDB's vectors into Arrow arrays. Vectors are flat; see <c>duckdb_vector_get_data</c>.</summary>
internal abstract unsafe class ColumnReader(Field field)
{
    private readonly ArrowBuffer.BitmapBuilder _validity = new();

    /// <summary>The column.</summary>
    public Field Field { get; } = field;

    /// <summary>How large the values gathered so far are.</summary>
    public abstract long Bytes { get; }

    /// <summary>Adds rows of a vector.</summary>
    /// <exception cref="WarehouseException">Arrow has no such value.</exception>
    public void Append(nint vector, int start, int count)
    {
        // Both systems keep a bit a row, lowest first, set for values; DuckDB leaves the bits out when there is no NULL.
        var validity = NativeMethods.Vectors.DuckDBVectorGetValidity(vector);
        var rows = new Rows(validity, start, count);
        if (validity is null) _validity.AppendRange(true, count);
        else if (start % 8 == 0) _validity.Append(new ReadOnlySpan<byte>((byte*)validity + start / 8, (count + 7) / 8), count);
        else for (var i = 0; i < count; i++) _validity.Append(rows.IsValid(i));
        AppendValues(vector, rows);
    }

    /// <summary>Makes an array of what was added, and starts over.</summary>
    public IArrowArray Build()
    {
        var (length, nulls) = (_validity.Length, _validity.UnsetBitCount);
        var validity = nulls == 0 ? ArrowBuffer.Empty : _validity.Build();
        _validity.Clear();
        return ArrowArrayFactory.BuildArray(new ArrayData(Field.DataType, length, nulls, 0, [validity, .. BuildValues()], BuildChildren()));
    }

    /// <summary>Adds the values of the rows; what stands in the place of a NULL does not matter.</summary>
    protected abstract void AppendValues(nint vector, Rows rows);

    /// <summary>Where a vector's values are.</summary>
    protected static void* DataOf(nint vector) => NativeMethods.Vectors.DuckDBVectorGetData(vector);

    /// <summary>Makes buffers of the values added, and starts over.</summary>
    protected abstract ArrowBuffer[] BuildValues();

    protected virtual ArrayData[]? BuildChildren() => null;

    /// <summary>The reader for a field that <see cref="DuckDbTypes.ToField"/> made of the type without a cast.</summary>
    public static ColumnReader Create(Field field, ColumnType type) => type.Id switch
    {
        DuckDBType.Boolean => new BooleanReader(field),
        DuckDBType.SmallInt => new FixedReader<short>(field),
        DuckDBType.Integer => new FixedReader<int>(field),
        DuckDBType.BigInt or DuckDBType.Time => new FixedReader<long>(field),
        DuckDBType.Float => new FixedReader<float>(field),
        DuckDBType.Double => new FixedReader<double>(field),
        DuckDBType.HugeInt => new ConvertingReader<Int128, Int128>(field, CheckDigits),
        DuckDBType.Decimal => type.Precision switch
        {
            // The smallest integer that holds the digits.
            <= 4 => new ConvertingReader<short, Int128>(field, (_, value) => value),
            <= 9 => new ConvertingReader<int, Int128>(field, (_, value) => value),
            <= 18 => new ConvertingReader<long, Int128>(field, (_, value) => value),
            _ => new FixedReader<Int128>(field),
        },
        DuckDBType.Date => new ConvertingReader<int, int>(
            field, (column, days) => days is int.MaxValue or -int.MaxValue ? throw NotReadable(column, "a date that is infinity") : days),
        DuckDBType.Timestamp or DuckDBType.TimestampTz => new ConvertingReader<long, long>(
            field, (column, micros) => micros is long.MaxValue or -long.MaxValue ? throw NotReadable(column, "a timestamp that is infinity") : micros),
        DuckDBType.Uuid => new ConvertingReader<UInt128, UInt128>(field, (_, value) => ToNetworkOrder(value)),
        DuckDBType.List => new ListReader(field, Create(ColumnTypes.ElementOf(field)!, type.Element!)),
        _ => new VariableReader(field),
    };

    private static Int128 CheckDigits(string column, Int128 value) =>
        Int128.Abs(value) < MaxDecimal ? value : throw NotReadable(column, "a number with more than 38 digits");

    // DuckDB flips the highest bit so that UUIDs sort as signed numbers.
    private static UInt128 ToNetworkOrder(UInt128 value) => BinaryPrimitives.ReverseEndianness(value ^ (UInt128.One << 127));

    private static readonly Int128 MaxDecimal = Int128.Parse("1" + new string('0', 38), CultureInfo.InvariantCulture);

    private static WarehouseException NotReadable(string column, string what) => new(
        FailureClass.Data,
        $"Column '{column}' has {what}, which cannot be read into columns.",
        $"Leave such rows out, turn them into NULL, or read the column as text: \"{column}\"::text.");

    /// <summary>Some rows of a vector.</summary>
    protected readonly struct Rows(ulong* validity, int start, int count)
    {
        public int Start => start;

        public int Count => count;

        /// <summary>Whether the row, counted from <see cref="Start"/>, is not NULL.</summary>
        public bool IsValid(int row) => validity is null || (validity[(start + row) >> 6] >> ((start + row) & 63) & 1) != 0;
    }
}

/// <summary>Values that look the same in both systems.</summary>
internal sealed unsafe class FixedReader<T>(Field field) : ColumnReader(field) where T : unmanaged
{
    private readonly ArrowBuffer.Builder<T> _values = new();

    public override long Bytes => (long)_values.Length * sizeof(T);

    protected override void AppendValues(nint vector, Rows rows) => _values.Append(new ReadOnlySpan<T>((T*)DataOf(vector) + rows.Start, rows.Count));

    protected override ArrowBuffer[] BuildValues()
    {
        var values = _values.Build();
        _values.Clear();
        return [values];
    }
}

/// <summary>Values of a fixed size that are converted one by one.</summary>
internal sealed unsafe class ConvertingReader<TSource, TTarget>(Field field, Func<string, TSource, TTarget> convert) : ColumnReader(field)
    where TSource : unmanaged
    where TTarget : unmanaged
{
    private readonly ArrowBuffer.Builder<TTarget> _values = new();

    public override long Bytes => (long)_values.Length * sizeof(TTarget);

    protected override void AppendValues(nint vector, Rows rows)
    {
        var source = (TSource*)DataOf(vector) + rows.Start;
        for (var i = 0; i < rows.Count; i++) _values.Append(rows.IsValid(i) ? convert(Field.Name, source[i]) : default);
    }

    protected override ArrowBuffer[] BuildValues()
    {
        var values = _values.Build();
        _values.Clear();
        return [values];
    }
}

/// <summary>A byte each in DuckDB, a bit each in Arrow.</summary>
internal sealed unsafe class BooleanReader(Field field) : ColumnReader(field)
{
    private readonly ArrowBuffer.BitmapBuilder _values = new();

    public override long Bytes => _values.Length / 8;

    protected override void AppendValues(nint vector, Rows rows)
    {
        var source = (byte*)DataOf(vector) + rows.Start;
        for (var i = 0; i < rows.Count; i++) _values.Append(rows.IsValid(i) && source[i] != 0);
    }

    protected override ArrowBuffer[] BuildValues()
    {
        var values = _values.Build();
        _values.Clear();
        return [values];
    }
}

/// <summary>Text and bytes: 16 bytes each that hold the value when it is at most 12 bytes long, or point to it.</summary>
internal sealed unsafe class VariableReader : ColumnReader
{
    private readonly ArrowBuffer.Builder<int> _offsets = new();
    private readonly ArrowBuffer.Builder<byte> _values = new();

    public VariableReader(Field field) : base(field) => _offsets.Append(0);

    public override long Bytes => (long)_offsets.Length * sizeof(int) + _values.Length;

    protected override void AppendValues(nint vector, Rows rows)
    {
        var source = (DuckDBString*)DataOf(vector) + rows.Start;
        for (var i = 0; i < rows.Count; i++)
        {
            if (rows.IsValid(i)) _values.Append(new ReadOnlySpan<byte>(source[i].Data, source[i].Length));
            _offsets.Append(_values.Length);
        }
    }

    protected override ArrowBuffer[] BuildValues()
    {
        ArrowBuffer[] buffers = [_offsets.Build(), _values.Build()];
        _offsets.Clear();
        _offsets.Append(0);
        _values.Clear();
        return buffers;
    }
}

/// <summary>Lists: where the elements of each are in a vector of their own, and how many they are.</summary>
internal sealed unsafe class ListReader : ColumnReader
{
    private readonly ColumnReader _element;
    private readonly ArrowBuffer.Builder<int> _offsets = new();
    private int _elements;

    public ListReader(Field field, ColumnReader element) : base(field)
    {
        _element = element;
        _offsets.Append(0);
    }

    public override long Bytes => (long)_offsets.Length * sizeof(int) + _element.Bytes;

    protected override void AppendValues(nint vector, Rows rows)
    {
        var lists = (DuckDBListEntry*)DataOf(vector) + rows.Start;
        var elements = NativeMethods.Vectors.DuckDBListVectorGetChild(vector);

        // Lists mostly lie behind each other, and are added as one.
        var (start, count) = (0, 0);
        for (var i = 0; i < rows.Count; i++)
        {
            if (rows.IsValid(i) && lists[i].Length > 0)
            {
                var (offset, length) = ((int)lists[i].Offset, (int)lists[i].Length);
                if (offset != start + count)
                {
                    _element.Append(elements, start, count);
                    (start, count) = (offset, 0);
                }

                count += length;
                _elements += length;
            }

            _offsets.Append(_elements);
        }

        _element.Append(elements, start, count);
    }

    protected override ArrowBuffer[] BuildValues()
    {
        var offsets = _offsets.Build();
        _offsets.Clear();
        _offsets.Append(0);
        _elements = 0;
        return [offsets];
    }

    protected override ArrayData[] BuildChildren() => [_element.Build().Data];
}
