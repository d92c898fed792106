using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>A column whose values all take the same number of bytes.</summary>
/// <typeparam name="T">The form in which values are stored.</typeparam>
internal abstract class FixedColumnBuilder<T>(ContractColumn column) : ColumnBuilder(column) where T : unmanaged, IEquatable<T>
{
    private ValueRule<T>[] _rules = [];
    private byte[] _values = [];

    public sealed override int FixedWidth => Unsafe.SizeOf<T>();

    /// <summary>Turns the contract's constraints into rules for stored values. To be called once the builder knows how to convert.</summary>
    protected void UseRules() => _rules = [.. Column.Constraints.Select(ToRule)];

    /// <summary>Stores a value that keeps the rules.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected bool Store(int row, T value)
    {
        MemoryMarshal.Write(_values.AsSpan(row * Unsafe.SizeOf<T>()), in value);
        return _rules.Length == 0 || Keeps(value);
    }

    protected abstract bool TryRead(ReadOnlySpan<byte> text, out T value);

    /// <summary>The rule that a constraint is for this column.</summary>
    protected abstract ValueRule<T> ToRule(ColumnConstraint constraint);

    protected override void SetBlank(int row) => MemoryMarshal.Write(_values.AsSpan(row * Unsafe.SizeOf<T>()), default(T));

    protected sealed override void ReserveValues(int rows)
    {
        Grow(ref Buffers.Values, (long)rows * Unsafe.SizeOf<T>());
        _values = Buffers.Values;
    }

    protected sealed override ArrowBuffer[] BuildBuffers(int rows, ArrowBuffer validity) =>
        [validity, new ArrowBuffer(Buffers.Values.AsMemory(0, rows * Unsafe.SizeOf<T>()))];

    protected sealed override string? ExplainValue(ReadOnlySpan<byte> text)
    {
        if (!TryRead(text, out var value)) return null;
        foreach (var rule in _rules)
        {
            if (!rule.Holds(value)) return $"{Show(text)} {rule.Complaint}";
        }

        return null;
    }

    private bool Keeps(T value)
    {
        foreach (var rule in _rules)
        {
            if (!rule.Holds(value)) return false;
        }

        return true;
    }
}
