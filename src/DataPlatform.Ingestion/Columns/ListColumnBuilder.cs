using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Apache.Arrow;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>
/// A column of lists: the elements of row i are from offset i to offset i + 1 of a column of their own. As text a list is a JSON array. Rules on its length are the
/// list's; the others are its elements'.
/// </summary>
internal sealed class ListColumnBuilder : ColumnBuilder
{
    private readonly LengthConstraint[] _lengths;
    private byte[] _offsets = [];
    private int _capacity = 1024;
    private int _row, _end;       // the row whose elements are being added, and where the next one goes
    private string? _complaint;   // about the value that was refused last
    private bool _breaksRule;

    public ListColumnBuilder(ContractColumn column) : base(column)
    {
        _lengths = [.. column.Constraints.OfType<LengthConstraint>()];
        Element = Create(new ContractColumn(ColumnTypes.ElementOf(column.Field)!, column.SourceName, [.. column.Constraints.Where(constraint => constraint is not LengthConstraint)]));
    }

    /// <summary>The column of elements. Fill it between <see cref="BeginList"/> and <see cref="EndList"/>, at the numbers that <see cref="NextElement"/> gives.</summary>
    public ColumnBuilder Element { get; }

    public override int FixedWidth => sizeof(int);

    public override bool HasData => true;

    public override int DataBytes(int rows) => (Offset(rows) * Element.FixedWidth) + Element.DataBytes(Offset(rows));

    /// <summary>Begins a row's list; what was in it before is taken back.</summary>
    public void BeginList(int row)
    {
        TakeBack(row);
        (_complaint, _breaksRule) = (null, false);
    }

    /// <summary>The number of the next element, which is to be set before another is asked for.</summary>
    public int NextElement()
    {
        if (_end == _capacity) Reserve();
        return _end++;
    }

    /// <summary>Ends the list; false when it breaks a rule.</summary>
    public bool EndList()
    {
        SetOffset(_row + 1, _end);
        var length = _end - Offset(_row);
        foreach (var rule in _lengths)
        {
            if (length >= rule.Minimum && length <= (rule.Maximum ?? int.MaxValue)) continue;
            (_complaint, _breaksRule) = ($"the list is {length} long, not {rule}", true);
            return false;
        }

        return true;
    }

    /// <summary>Notes why the element that was asked for last is refused, given as text, or null.</summary>
    /// <returns>False.</returns>
    public bool RefuseElement(string? text) => RefuseElement(Encoding.UTF8.GetBytes(text ?? ""), isNull: text is null);

    public override bool TryParse(int row, ReadOnlySpan<byte> text)
    {
        BeginList(row);
        try
        {
            var reader = new Utf8JsonReader(text);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray) return RefuseText();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (!SetElement(ref reader, text)) return false;
            }

            return reader.Read() ? RefuseText() : EndList();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The second is the reader's answer to an escape that stands for no character.
            return RefuseText();
        }
    }

    public override bool SetJson(int row, ReadOnlySpan<byte> json) => TryParse(row, json);

    public override void Undo(int row)
    {
        base.Undo(row);
        TakeBack(row);
    }

    public override void Begin(ColumnBuffers buffers)
    {
        base.Begin(buffers);
        Element.Begin(buffers.Elements ??= new ColumnBuffers());
        (_row, _end) = (0, 0);
    }

    protected override void SetBlank(int row)
    {
        TakeBack(row);
        SetOffset(row + 1, _end);
    }

    protected override void ReserveValues(int rows)
    {
        Grow(ref Buffers.Values, (rows + 1L) * sizeof(int));
        _offsets = Buffers.Values;
        SetOffset(0, 0);
        Element.Reserve(_capacity);
    }

    protected override ArrowBuffer[] BuildBuffers(int rows, ArrowBuffer validity) => [validity, new ArrowBuffer(Buffers.Values.AsMemory(0, (rows + 1) * sizeof(int)))];

    protected override ArrayData[] BuildChildren(int rows) => [Element.Build(Offset(rows)).Data];

    protected override string? ExplainValue(ReadOnlySpan<byte> text) => _breaksRule ? _complaint : null;

    protected override string ExplainSyntax(ReadOnlySpan<byte> text) => $": {_complaint}";

    private void TakeBack(int row)
    {
        if (_row == row)
        {
            for (var i = Offset(row); i < _end; i++) Element.Undo(i);
        }

        (_row, _end) = (row, Offset(row));
    }

    private bool SetElement(ref Utf8JsonReader reader, ReadOnlySpan<byte> text)
    {
        var (element, from) = (NextElement(), (int)reader.TokenStartIndex);
        if (reader.TokenType == JsonTokenType.Null) return Element.TrySetNull(element) || RefuseElement([], isNull: true);
        if (reader.TokenType == JsonTokenType.String && Element is not JsonColumnBuilder)
        {
            if (!reader.ValueIsEscaped) return Element.TryParse(element, reader.ValueSpan) || RefuseElement(reader.ValueSpan, isNull: false);
            var rented = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
            try
            {
                var unescaped = rented.AsSpan(0, reader.CopyString(rented));
                return (!unescaped.Contains((byte)0) && Element.TryParse(element, unescaped)) || RefuseElement(unescaped, isNull: false);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }

        var isNested = reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject;
        reader.Skip();
        var value = text[from..(int)reader.BytesConsumed];
        return (isNested || Element is JsonColumnBuilder ? Element.SetJson(element, value) : Element.TryParse(element, value)) || RefuseElement(value, isNull: false);
    }

    private bool RefuseElement(ReadOnlySpan<byte> text, bool isNull)
    {
        _breaksRule = !isNull && Element.BreaksRule(text);
        _complaint = $"element {_end - Offset(_row)}: {Element.Explain(text, isNull)}";
        return false;
    }

    private bool RefuseText()
    {
        _complaint = "it is not a JSON array";
        return false;
    }

    private void Reserve()
    {
        _capacity = checked(_capacity * 2);
        Element.Reserve(_capacity);
    }

    private int Offset(int row) => BinaryPrimitives.ReadInt32LittleEndian(_offsets.AsSpan(row * sizeof(int)));

    private void SetOffset(int row, int offset) => BinaryPrimitives.WriteInt32LittleEndian(_offsets.AsSpan(row * sizeof(int)), offset);
}
