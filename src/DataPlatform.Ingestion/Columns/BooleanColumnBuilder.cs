using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>A column of bits.</summary>
internal sealed class BooleanColumnBuilder : ColumnBuilder
{
    public BooleanColumnBuilder(ContractColumn column) : base(column)
    {
        if (column.Constraints is [var first, ..]) throw Impossible(first);
    }

    // A bit, but a width is in bytes; the batch's size is an estimate anyway.
    public override int FixedWidth => 1;

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => Utf8Parsing.TryParseBoolean(text, out var value) && SetBoolean(row, value);

    public override bool SetBoolean(int row, bool value)
    {
        ref var bits = ref Buffers.Values[row >> 3];
        var bit = 1 << (row & 7);
        bits = (byte)(value ? bits | bit : bits & ~bit);
        return true;
    }

    protected override void SetBlank(int row) => SetBoolean(row, false);

    protected override void ReserveValues(int rows) => Grow(ref Buffers.Values, (rows + 7) / 8);

    protected override ArrowBuffer[] BuildBuffers(int rows, ArrowBuffer validity) => [validity, new ArrowBuffer(Buffers.Values.AsMemory(0, (rows + 7) / 8))];

    protected override string? ExplainValue(ReadOnlySpan<byte> text) => null;
}
