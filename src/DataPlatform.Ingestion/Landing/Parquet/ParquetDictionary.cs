using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;

namespace DataPlatform.Ingestion;

/// <summary>The different values of a column chunk, in the form of a dictionary page. Becomes full, and stays it until cleared, when values do not repeat enough.</summary>
internal sealed class ParquetDictionary : IDisposable
{
    private const int MaxBytes = 1 << 20;
    private const int MaxCount = 1 << 15;
    private const int Slots = 1 << 17;

    // Values that hash alike, by chance or on purpose, must not make the search long.
    private const int MaxProbes = 64;
    private const int ValuesBetweenLooks = 4096;

    private readonly RentedBuffer _bytes = new();
    private readonly int[] _offsets = new int[MaxCount];
    private readonly uint[] _hashes = new uint[MaxCount];
    private int[] _slots = [];
    private long _valuesSeen;

    public int Count { get; private set; }

    /// <summary>The entries as PLAIN has them.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    /// <summary>Whether values are no longer looked up.</summary>
    public bool IsFull { get; private set; }

    /// <summary>The index of a value, which is added when new; -1 when that makes the dictionary full.</summary>
    public int IndexOf(ReadOnlySpan<byte> value)
    {
        if (_slots.Length == 0) _slots = new int[Slots];
        if (++_valuesSeen % ValuesBetweenLooks == 0 && Count > _valuesSeen / 2) return Give();
        var hash = Hash(value);
        var slot = (int)(hash & (Slots - 1));
        for (var probe = 0; probe < MaxProbes; probe++)
        {
            var index = _slots[slot] - 1;
            if (index < 0) return Add(value, hash, slot);
            if (_hashes[index] == hash && ValueAt(index).SequenceEqual(value)) return index;
            slot = (slot + 1) & (Slots - 1);
        }

        return Give();
    }

    public void Clear()
    {
        if (Count > 0) _slots.AsSpan().Clear();
        _bytes.Clear();
        (Count, _valuesSeen, IsFull) = (0, 0, false);
    }

    public void Dispose() => _bytes.Dispose();

    private int Add(ReadOnlySpan<byte> value, uint hash, int slot)
    {
        if (Count == MaxCount || _bytes.WrittenCount + sizeof(int) + (long)value.Length > MaxBytes) return Give();
        _offsets[Count] = _bytes.WrittenCount;
        _hashes[Count] = hash;
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.GetSpan(sizeof(int)), value.Length);
        _bytes.Advance(sizeof(int));
        _bytes.Write(value);
        _slots[slot] = ++Count;
        return Count - 1;
    }

    private ReadOnlySpan<byte> ValueAt(int index)
    {
        var entry = _bytes.WrittenSpan[_offsets[index]..];
        return entry.Slice(sizeof(int), BinaryPrimitives.ReadInt32LittleEndian(entry));
    }

    private int Give()
    {
        IsFull = true;
        return -1;
    }

    // Eight bytes a step, mixed by multiplication; nothing outside this file depends on it.
    private static uint Hash(ReadOnlySpan<byte> value)
    {
        const ulong Factor = 0x9E37_79B9_7F4A_7C15;
        var hash = (ulong)value.Length * Factor;
        for (; value.Length >= sizeof(ulong); value = value[sizeof(ulong)..])
            hash = (BitOperations.RotateLeft(hash, 29) ^ BinaryPrimitives.ReadUInt64LittleEndian(value)) * Factor;
        ulong tail = 0;
        for (var i = 0; i < value.Length; i++) tail = (tail << 8) | value[i];
        hash = (BitOperations.RotateLeft(hash, 29) ^ tail) * Factor;
        return (uint)(hash >> 32);
    }
}
