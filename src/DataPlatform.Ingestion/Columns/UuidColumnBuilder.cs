using System.Runtime.InteropServices;

namespace DataPlatform.Ingestion;

/// <summary>A column of UUIDs: 16 bytes in network order.</summary>
internal sealed class UuidColumnBuilder : FixedColumnBuilder<Guid>
{
    public UuidColumnBuilder(ContractColumn column) : base(column) => UseRules();

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => TryRead(text, out var value) && Store(row, value);

    public override bool SetUuid(int row, Guid value) => Store(row, ToNetworkOrder(value));

    // The stored form is a Guid whose bytes in memory are in network order, not the Guid that is meant.
    protected override bool TryRead(ReadOnlySpan<byte> text, out Guid value)
    {
        value = default;
        return Utf8Parsing.TryParseUuid(text, MemoryMarshal.AsBytes(new Span<Guid>(ref value)));
    }

    protected override ValueRule<Guid> ToRule(ColumnConstraint constraint) => constraint switch
    {
        AllowedValuesConstraint allowed => new AllowedRule<Guid>(allowed, [.. allowed.Values.Cast<Guid>().Select(ToNetworkOrder)]),
        ValidationConstraint validation => new ValidationRule<Guid>(validation.Attribute, Column.Name, stored => new Guid(MemoryMarshal.AsBytes(new ReadOnlySpan<Guid>(ref stored)), bigEndian: true)),
        _ => throw Impossible(constraint),
    };

    private static Guid ToNetworkOrder(Guid value)
    {
        Guid stored = default;
        value.TryWriteBytes(MemoryMarshal.AsBytes(new Span<Guid>(ref stored)), bigEndian: true, out _);
        return stored;
    }
}
