using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>
/// Fills one column of a batch, at row numbers that the caller gives. A row that turns out bad is written over by the next one, so nothing
/// has to be taken back but a NULL. A <c>Set</c> that returns false refuses the value; <see cref="Explain"/> says why.
/// </summary>
internal abstract class ColumnBuilder
{
    private const int ShownCharacters = 100;

    private readonly bool _nullable;
    private int _nulls;
    private long _discarded;

    protected ColumnBuilder(ContractColumn column)
    {
        Column = column;
        _nullable = column.IsNullable;
    }

    public ContractColumn Column { get; }

    /// <summary>Bytes that every row takes; values of variable width come on top.</summary>
    public abstract int FixedWidth { get; }

    /// <summary>Whether rows take bytes beyond <see cref="FixedWidth"/>.</summary>
    public virtual bool HasData => false;

    protected ColumnBuffers Buffers { get; private set; } = new();

    public static ColumnBuilder Create(ContractColumn column) => column.Field.DataType switch
    {
        _ when column.IsAbsent => new AbsentColumnBuilder(column),
        BooleanType => new BooleanColumnBuilder(column),
        Int16Type => new Int16ColumnBuilder(column),
        Int32Type => new Int32ColumnBuilder(column),
        Int64Type => new Int64ColumnBuilder(column),
        FloatType => new FloatColumnBuilder(column),
        DoubleType => new DoubleColumnBuilder(column),
        Decimal128Type type => new DecimalColumnBuilder(column, type),
        Date32Type => new DateColumnBuilder(column),
        Time64Type { Unit: TimeUnit.Microsecond } => new TimeColumnBuilder(column),
        TimestampType { Unit: TimeUnit.Microsecond } type => new TimestampColumnBuilder(column, type.Timezone is not null),
        StringType when ColumnTypes.IsJson(column.Field) => new JsonColumnBuilder(column),
        StringType => new TextColumnBuilder(column),
        BinaryType => new BinaryColumnBuilder(column),
        FixedSizeBinaryType { ByteWidth: 16 } when ColumnTypes.IsUuid(column.Field) => new UuidColumnBuilder(column),
        ListType { ValueDataType: not ListType } => new ListColumnBuilder(column),
        var other => throw new DataPlatformException(
            FailureClass.Configuration, $"Column {column.Name} has the type {other.Name}, which is not one of ColumnTypes.", "Widen it to one of these."),
    };

    /// <summary>Whether values of a kind can be in the column at all; each one is still looked at. Text is, when it reads as the column's type.</summary>
    public bool Accepts(ValueKind kind) => kind == ValueKind.Text || this is AbsentColumnBuilder || (kind, this) is
        (ValueKind.Integer, Int16ColumnBuilder or Int32ColumnBuilder or Int64ColumnBuilder or FloatColumnBuilder or DoubleColumnBuilder or DecimalColumnBuilder)
        or (ValueKind.Float, FloatColumnBuilder or DoubleColumnBuilder)
        or (ValueKind.Decimal, DecimalColumnBuilder or Int16ColumnBuilder or Int32ColumnBuilder or Int64ColumnBuilder)
        or (ValueKind.Boolean, BooleanColumnBuilder)
        or (ValueKind.Date, DateColumnBuilder)
        or (ValueKind.Time, TimeColumnBuilder)
        or (ValueKind.Timestamp, TimestampColumnBuilder)
        or (ValueKind.Uuid, UuidColumnBuilder)
        or (ValueKind.Binary, BinaryColumnBuilder)
        or (ValueKind.Json, JsonColumnBuilder or TextColumnBuilder or ListColumnBuilder);

    /// <summary>Reads the text form of a value.</summary>
    public abstract bool TryParse(int row, ReadOnlySpan<byte> text);

    public virtual bool SetInt64(int row, long value) => false;

    public virtual bool SetDouble(int row, double value) => false;

    /// <summary>Sets <paramref name="unscaled"/> times 10^-<paramref name="scale"/>.</summary>
    public virtual bool SetDecimal(int row, Int128 unscaled, int scale) => false;

    public virtual bool SetBoolean(int row, bool value) => false;

    /// <summary>Sets a date as days since 1970-01-01.</summary>
    public virtual bool SetDate(int row, int days) => false;

    /// <summary>Sets a time of day in microseconds.</summary>
    public virtual bool SetTime(int row, long micros) => false;

    /// <summary>Sets a date and time, in UTC or without zone, in microseconds since 1970-01-01T00:00:00. One without zone is taken as UTC and the other way round.</summary>
    public virtual bool SetTimestamp(int row, long micros) => false;

    public virtual bool SetUuid(int row, Guid value) => false;

    public virtual bool SetBinary(int row, ReadOnlySpan<byte> value) => false;

    /// <summary>Sets a JSON object, array or other value that has been found to be well formed.</summary>
    public virtual bool SetJson(int row, ReadOnlySpan<byte> json) => false;

    /// <summary>Sets text that is UTF-16; columns of another type than text read it as <see cref="TryParse"/> does.</summary>
    public virtual bool SetText(int row, ReadOnlySpan<char> text)
    {
        var rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            return Utf8.FromUtf16(text, rented, out _, out var written, replaceInvalidSequences: false) == OperationStatus.Done
                && TryParse(row, rented.AsSpan(0, written));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Sets the row to NULL; false when the column does not allow it.</summary>
    public bool TrySetNull(int row)
    {
        if (!_nullable) return false;
        ref var validity = ref Buffers.Validity[row >> 3];
        var bit = 1 << (row & 7);
        if ((validity & bit) != 0)
        {
            validity = (byte)(validity & ~bit);
            _nulls++;
        }

        SetBlank(row);
        return true;
    }

    /// <summary>How many values <see cref="TryDiscard"/> left out since this was last asked.</summary>
    public long TakeDiscarded() => Interlocked.Exchange(ref _discarded, 0);

    /// <summary>
    /// Sets the row to NULL in place of a value that cannot be read as the column's type, given as text, when the contract says so. A value that can be read and breaks a
    /// rule is not one of these.
    /// </summary>
    public bool TryDiscard(int row, ReadOnlySpan<byte> text)
    {
        if (!Column.DiscardsValues || ExplainValue(text) is not null || !TrySetNull(row)) return false;
        _discarded++;
        return true;
    }

    /// <summary>Takes back what <see cref="TrySetNull"/> did to a row that is not kept.</summary>
    public virtual void Undo(int row)
    {
        ref var validity = ref Buffers.Validity[row >> 3];
        var bit = 1 << (row & 7);
        if ((validity & bit) != 0) return;
        validity = (byte)(validity | bit);
        _nulls--;
    }

    /// <summary>Why the column refuses a value, given as text; empty text stands for NULL when <see cref="TrySetNull"/> refused it.</summary>
    public string Explain(ReadOnlySpan<byte> text, bool isNull)
    {
        if (isNull) return "the value is missing, and the column does not allow NULL";
        return ExplainValue(text) ?? $"{Show(text)} is not {TypeWithArticle}{ExplainSyntax(text)}";
    }

    /// <summary>Whether a value, given as text, can be read and breaks a rule.</summary>
    public bool BreaksRule(ReadOnlySpan<byte> text) => ExplainValue(text) is not null;

    /// <summary>Why the column refuses a nested JSON value.</summary>
    public string ExplainNested(ReadOnlySpan<byte> json, string what) =>
        this is ListColumnBuilder ? Explain(json, isNull: false)
        : ExplainValue(json) ?? (this is JsonColumnBuilder ? $"{Show(json)} has a NUL character" : $"{Show(json)} is {what}, not {TypeWithArticle}");

    /// <summary>Bytes of variable width in the first <paramref name="rows"/> rows.</summary>
    public virtual int DataBytes(int rows) => 0;

    /// <summary>Makes room for rows.</summary>
    public void Reserve(int rows)
    {
        var bytes = (rows + 7) / 8;
        if (Buffers.Validity.Length < bytes)
        {
            var kept = Buffers.Validity.Length;
            System.Array.Resize(ref Buffers.Validity, bytes);
            Buffers.Validity.AsSpan(kept).Fill(0xFF);
        }

        ReserveValues(rows);
    }

    /// <summary>Makes room for bytes of variable width.</summary>
    public virtual void ReserveData(long bytes)
    {
    }

    /// <summary>Begins a batch in other memory.</summary>
    public virtual void Begin(ColumnBuffers buffers)
    {
        Buffers = buffers;
        Buffers.Validity.AsSpan().Fill(0xFF);
        _nulls = 0;
    }

    /// <summary>The column's first rows. They stay in the builder's buffers.</summary>
    public IArrowArray Build(int rows)
    {
        var validity = _nulls == 0 ? ArrowBuffer.Empty : new ArrowBuffer(Buffers.Validity.AsMemory(0, (rows + 7) / 8));
        return ArrowArrayFactory.BuildArray(new ArrayData(Column.Field.DataType, rows, _nulls, 0, BuildBuffers(rows, validity), BuildChildren(rows)));
    }

    /// <summary>A value for a message: in quotes, cut when long.</summary>
    public static string Show(ReadOnlySpan<byte> text)
    {
        var shown = Encoding.UTF8.GetString(text[..Math.Min(text.Length, ShownCharacters * 4)]);
        return shown.Length <= ShownCharacters ? $"'{shown}'" : $"'{shown.AsSpan(0, ShownCharacters)}…'";
    }

    /// <summary>Gives a row that is NULL a value that readers may look at but not believe.</summary>
    protected abstract void SetBlank(int row);

    protected abstract void ReserveValues(int rows);

    protected abstract ArrowBuffer[] BuildBuffers(int rows, ArrowBuffer validity);

    protected virtual ArrayData[]? BuildChildren(int rows) => null;

    /// <summary>The rule that a value which can be read breaks, or null when it cannot be read.</summary>
    protected abstract string? ExplainValue(ReadOnlySpan<byte> text);

    /// <summary>More about why a text cannot be read, to follow the sentence.</summary>
    protected virtual string ExplainSyntax(ReadOnlySpan<byte> text) => "";

    protected string TypeWithArticle
    {
        get
        {
            var name = ColumnTypeName.Of(Column.Field);
            return name is "text" or "binary" ? name : "aeiou".Contains(name[0], StringComparison.Ordinal) && !name.StartsWith("uuid", StringComparison.Ordinal) ? $"an {name}" : $"a {name}";
        }
    }

    protected static void Grow(ref byte[] buffer, long bytes)
    {
        if (buffer.Length >= bytes) return;
        if (bytes > System.Array.MaxLength)
            throw new DataPlatformException(FailureClass.Data, $"A batch would need {bytes} bytes for one column.", "Limit the size of a record in the source's options.");
        var larger = GC.AllocateUninitializedArray<byte>((int)Math.Min(Math.Max(bytes, buffer.Length + (buffer.Length / 2L)), System.Array.MaxLength));
        buffer.CopyTo(larger, 0);
        buffer = larger;
    }

    protected DataPlatformException Impossible(ColumnConstraint constraint) => new(
        FailureClass.Configuration,
        $"Column {Column.Name} of type {ColumnTypeName.Of(Column.Field)} cannot have the rule '{constraint}'.",
        "Use a rule that fits the type.");
}
