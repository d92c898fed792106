using System.Runtime.CompilerServices;
using System.Text;
using Apache.Arrow;

namespace DataPlatform.Warehouses;

/// <summary>Gathers the values of a column.</summary>
internal interface IColumnWriter
{
    int Length { get; }

    /// <summary>About how many bytes there are.</summary>
    long Bytes { get; }

    IArrowArray Build();
}

/// <summary>Gathers the values of a column.</summary>
internal abstract class ColumnWriter<T>(Field field) : IColumnWriter where T : notnull
{
    private readonly ArrowBuffer.BitmapBuilder _validity = new();
    private int _nulls;

    public int Length => _validity.Length;

    public abstract long Bytes { get; }

    public void Append(T? value)
    {
        if (value is null)
        {
            AppendNull();
            return;
        }

        Add(value);
        _validity.Append(true);
    }

    public void AppendNull()
    {
        if (!field.IsNullable) throw ColumnValueException.Null;
        AddEmpty();
        _validity.Append(false);
        _nulls++;
    }

    public IArrowArray Build() => ArrowArrayFactory.BuildArray(new ArrayData(
        field.DataType, Length, _nulls, offset: 0, [_nulls == 0 ? ArrowBuffer.Empty : _validity.Build(), .. Buffers()], Children()));

    protected abstract void Add(T value);

    protected abstract void AddEmpty();

    protected abstract IEnumerable<ArrowBuffer> Buffers();

    protected virtual ArrayData[]? Children() => null;
}

/// <summary>A column of values of one size.</summary>
internal sealed class FixedSizeWriter<T, TStored>(Field field, Func<T, TStored> store) : ColumnWriter<T>(field)
    where T : notnull where TStored : unmanaged
{
    private readonly ArrowBuffer.Builder<TStored> _values = new();

    public override long Bytes => (long)_values.Length * Unsafe.SizeOf<TStored>();

    protected override void Add(T value) => _values.Append(store(value));

    protected override void AddEmpty() => _values.Append(default(TStored));

    protected override IEnumerable<ArrowBuffer> Buffers() => [_values.Build()];
}

/// <summary>A column of bits.</summary>
internal sealed class BooleanWriter(Field field) : ColumnWriter<bool>(field)
{
    private readonly ArrowBuffer.BitmapBuilder _values = new();

    public override long Bytes => _values.Length / 8;

    protected override void Add(bool value) => _values.Append(value);

    protected override void AddEmpty() => _values.Append(false);

    protected override IEnumerable<ArrowBuffer> Buffers() => [_values.Build()];
}

/// <summary>A column of values of any size.</summary>
internal abstract class VariableSizeWriter<T> : ColumnWriter<T> where T : notnull
{
    private readonly ArrowBuffer.Builder<int> _offsets = new();

    protected VariableSizeWriter(Field field) : base(field) => _offsets.Append(0);

    public override long Bytes => Content.Length + (_offsets.Length * sizeof(int));

    protected ArrowBuffer.Builder<byte> Content { get; } = new();

    protected override void Add(T value)
    {
        AddContent(value);
        AddEmpty();
    }

    protected override void AddEmpty() => _offsets.Append(Content.Length);

    protected override IEnumerable<ArrowBuffer> Buffers() => [_offsets.Build(), Content.Build()];

    protected abstract void AddContent(T value);
}

/// <summary>A column of text.</summary>
internal sealed class TextWriter<T>(Field field, Func<T, string> toText) : VariableSizeWriter<T>(field) where T : notnull
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    protected override void AddContent(T value)
    {
        var text = toText(value);
        var start = Content.Length;
        try
        {
            Content.Resize(start + StrictUtf8.GetByteCount(text));
            StrictUtf8.GetBytes(text, Content.Span[start..]);
        }
        catch (EncoderFallbackException)
        {
            throw new ColumnValueException("is not valid Unicode: it holds half of a surrogate pair.", "Find out where the text was cut.");
        }
    }
}

/// <summary>A column of bytes.</summary>
internal sealed class BinaryWriter(Field field) : VariableSizeWriter<byte[]>(field)
{
    protected override void AddContent(byte[] value) => Content.Append(value);
}
