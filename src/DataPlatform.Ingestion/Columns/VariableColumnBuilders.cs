using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>A column whose values take as many bytes as they have: row i is from offset i to offset i + 1 of the data.</summary>
internal abstract class VariableColumnBuilder : ColumnBuilder
{
    private readonly TextRule[] _rules;
    private byte[] _offsets = [];

    protected VariableColumnBuilder(ContractColumn column) : base(column) => _rules = [.. column.Constraints.Select(ToRule)];

    public sealed override int FixedWidth => sizeof(int);

    public sealed override bool HasData => true;

    public sealed override int DataBytes(int rows) => Offset(rows);

    public sealed override void ReserveData(long bytes) => Grow(ref Buffers.Data, bytes);

    /// <summary>Stores a value that keeps the rules.</summary>
    protected bool Store(int row, ReadOnlySpan<byte> value)
    {
        var start = Offset(row);
        if (Buffers.Data.Length - start < value.Length) Grow(ref Buffers.Data, (long)start + value.Length);
        value.CopyTo(Buffers.Data.AsSpan(start));
        SetOffset(row + 1, start + value.Length);
        return _rules.Length == 0 || BrokenRule(value) is null;
    }

    /// <summary>Room for a value of up to <paramref name="length"/> bytes; <see cref="SetLength"/> says how many were used.</summary>
    protected Span<byte> GetSpan(int row, int length)
    {
        var start = Offset(row);
        if (Buffers.Data.Length - start < length) Grow(ref Buffers.Data, (long)start + length);
        return Buffers.Data.AsSpan(start, length);
    }

    protected void SetLength(int row, int length) => SetOffset(row + 1, Offset(row) + length);

    protected ReadOnlySpan<byte> Stored(int row) => Buffers.Data.AsSpan(Offset(row)..Offset(row + 1));

    protected TextRule? BrokenRule(ReadOnlySpan<byte> value)
    {
        foreach (var rule in _rules)
        {
            if (!rule.Holds(value)) return rule;
        }

        return null;
    }

    protected abstract TextRule ToRule(ColumnConstraint constraint);

    protected sealed override void SetBlank(int row) => SetLength(row, 0);

    protected sealed override void ReserveValues(int rows)
    {
        var isNew = Buffers.Values.Length == 0;
        Grow(ref Buffers.Values, (rows + 1L) * sizeof(int));
        _offsets = Buffers.Values;
        if (isNew) SetOffset(0, 0);
    }

    protected sealed override ArrowBuffer[] BuildBuffers(int rows, ArrowBuffer validity) =>
        [validity, new ArrowBuffer(Buffers.Values.AsMemory(0, (rows + 1) * sizeof(int))), new ArrowBuffer(Buffers.Data.AsMemory(0, Offset(rows)))];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Offset(int row) => BinaryPrimitives.ReadInt32LittleEndian(_offsets.AsSpan(row * sizeof(int)));

    private void SetOffset(int row, int offset) => BinaryPrimitives.WriteInt32LittleEndian(_offsets.AsSpan(row * sizeof(int)), offset);
}

/// <summary>A column of text. UTF-8 given to it is valid and without U+0000, which no warehouse can store: whoever reads bytes sees to that.</summary>
internal sealed class TextColumnBuilder(ContractColumn column) : VariableColumnBuilder(column)
{
    public override bool TryParse(int row, ReadOnlySpan<byte> text) => Store(row, text);

    public override bool SetText(int row, ReadOnlySpan<char> text)
    {
        var destination = GetSpan(row, Encoding.UTF8.GetMaxByteCount(text.Length));
        if (Utf8.FromUtf16(text, destination, out _, out var written, replaceInvalidSequences: false) != OperationStatus.Done) return false;
        SetLength(row, written);
        return !text.Contains('\0') && BrokenRule(Stored(row)) is null;
    }

    public override bool SetJson(int row, ReadOnlySpan<byte> json) => Store(row, json);

    protected override string? ExplainValue(ReadOnlySpan<byte> text) => BrokenRule(text) is { } rule ? $"{Show(text)} {rule.Complain(text)}" : null;

    protected override string ExplainSyntax(ReadOnlySpan<byte> text) => text.Contains((byte)0) ? ": it has a NUL character" : ": it is not valid Unicode";

    protected override TextRule ToRule(ColumnConstraint constraint) => constraint switch
    {
        LengthConstraint length => new LengthRule(length),
        PatternConstraint pattern => new PatternRule(pattern),
        AllowedValuesConstraint allowed => new AllowedTextRule(allowed),
        ValidationConstraint validation => new ValidationTextRule(validation.Attribute, Column.Name),
        _ => throw Impossible(constraint),
    };
}

/// <summary>A column of JSON, kept as the text it came as.</summary>
internal sealed class JsonColumnBuilder(ContractColumn column) : VariableColumnBuilder(column)
{
    public override bool TryParse(int row, ReadOnlySpan<byte> text) => IsJson(text) && Store(row, text);

    public override bool SetJson(int row, ReadOnlySpan<byte> json) => IsStorable(json) && Store(row, json);

    protected override string? ExplainValue(ReadOnlySpan<byte> text) => null;

    protected override TextRule ToRule(ColumnConstraint constraint) => throw Impossible(constraint);

    private static bool IsJson(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        try
        {
            while (reader.Read())
            {
            }
        }
        catch (JsonException)
        {
            return false;
        }

        return IsStorable(text);
    }

    // JSON may escape what no warehouse can store in text: U+0000. Two backslashes are an escaped backslash, which what follows is not part of.
    private static bool IsStorable(ReadOnlySpan<byte> json)
    {
        for (var at = json.IndexOf("\\u0000"u8); at >= 0;)
        {
            var backslashes = 1;
            while (at - backslashes >= 0 && json[at - backslashes] == '\\') backslashes++;
            if (backslashes % 2 == 1) return false;
            var next = json[(at + 1)..].IndexOf("\\u0000"u8);
            at = next < 0 ? -1 : at + 1 + next;
        }

        return true;
    }
}

/// <summary>A column of bytes.</summary>
internal sealed class BinaryColumnBuilder(ContractColumn column) : VariableColumnBuilder(column)
{
    public override bool TryParse(int row, ReadOnlySpan<byte> text)
    {
        if (!Utf8Parsing.TryParseBinary(text, GetSpan(row, Utf8Parsing.MaxBinaryLength(text)), out var length)) return false;
        SetLength(row, length);
        return BrokenRule(Stored(row)) is null;
    }

    public override bool SetBinary(int row, ReadOnlySpan<byte> value) => Store(row, value);

    protected override string? ExplainValue(ReadOnlySpan<byte> text)
    {
        var bytes = new byte[Utf8Parsing.MaxBinaryLength(text)];
        return Utf8Parsing.TryParseBinary(text, bytes, out var length) && BrokenRule(bytes.AsSpan(0, length)) is { } rule
            ? $"the value {rule.Complain(bytes.AsSpan(0, length))}"
            : null;
    }

    protected override string ExplainSyntax(ReadOnlySpan<byte> text) => ": write bytes as base64, or in hexadecimal after \\x";

    protected override TextRule ToRule(ColumnConstraint constraint) => constraint switch
    {
        LengthConstraint length => new BytesLengthRule(length),
        _ => throw Impossible(constraint),
    };
}
