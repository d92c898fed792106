using System.IO.Hashing;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Tells whether keys of a merge have come twice, so that the server, which has to sort or hash them anew, need only look when one may have. Keeps 64-bit hashes in a table with
/// open addressing: when it says that all keys differ, they do.
/// </summary>
internal sealed class SeenKeys
{
    /// <summary>Keys up to which it looks: their hashes take 32 MiB.</summary>
    public const int MaxKeys = 2 * 1024 * 1024;

    private const int MinSlots = 16 * 1024;

    private readonly int[] _columns;
    private ulong[] _slots = new ulong[MinSlots]; // 0 is an empty one
    private ulong[] _hashes = [];
    private int _keys;

    private SeenKeys(int[] columns) => _columns = columns;

    /// <summary>Whether all keys up to now are known to differ.</summary>
    public bool AreDistinct { get; private set; } = true;

    /// <summary>Looks at the keys of a merge; null when keys of such columns can be equal although their bytes are not.</summary>
    /// <param name="schema">The rows' columns.</param>
    /// <param name="key">The names of the key's columns.</param>
    /// <param name="columns">The table's columns.</param>
    public static SeenKeys? Of(Schema schema, IReadOnlyList<string> key, IReadOnlyList<TableColumn> columns) =>
        key.All(name => columns.First(column => column.Name == name).IsEqualByBytes) ? new SeenKeys([.. key.Select(name => schema.GetFieldIndex(name))]) : null;

    /// <summary>Takes the keys of a batch, which are not NULL.</summary>
    public void Add(RecordBatch batch)
    {
        if (!AreDistinct) return;
        if (_keys + (long)batch.Length > MaxKeys)
        {
            GiveUp();
            return;
        }

        if (_hashes.Length < batch.Length) _hashes = new ulong[batch.Length];
        var hashes = _hashes.AsSpan(0, batch.Length);
        hashes.Clear();
        foreach (var column in _columns) Hash(batch.Column(column), hashes);
        foreach (var hash in hashes)
        {
            if (TryAdd(Math.Max(hash, 1))) continue;
            GiveUp();
            return;
        }
    }

    // Mixes the bytes of an array's values into the hashes of the rows.
    private static void Hash(IArrowArray array, Span<ulong> hashes)
    {
        switch (array)
        {
            case BooleanArray bits:
                for (var row = 0; row < hashes.Length; row++) hashes[row] = Mix(hashes[row], [bits.GetValue(row)!.Value ? (byte)1 : (byte)0]);
                break;
            case BinaryArray texts:
                var offsets = texts.ValueOffsets;
                var values = texts.Values;
                for (var row = 0; row < hashes.Length; row++) hashes[row] = Mix(hashes[row], values[offsets[row]..offsets[row + 1]]);
                break;
            default:
                var width = ((FixedWidthType)array.Data.DataType).BitWidth / 8;
                var bytes = array.Data.Buffers[1].Span.Slice(array.Offset * width, hashes.Length * width);
                for (var row = 0; row < hashes.Length; row++) hashes[row] = Mix(hashes[row], bytes.Slice(row * width, width));
                break;
        }
    }

    private static ulong Mix(ulong seed, ReadOnlySpan<byte> value) => XxHash3.HashToUInt64(value, (long)seed);

    private bool TryAdd(ulong hash)
    {
        // At most half full.
        if (_keys * 2 >= _slots.Length) Grow();
        ref var slot = ref FindSlot(_slots, hash);
        if (slot == hash) return false;
        slot = hash;
        _keys++;
        return true;
    }

    private void Grow()
    {
        var larger = new ulong[_slots.Length * 2];
        foreach (var hash in _slots.AsSpan())
        {
            if (hash != 0) FindSlot(larger, hash) = hash;
        }

        _slots = larger;
    }

    // The slot that has the hash, or the empty one where it belongs.
    private static ref ulong FindSlot(ulong[] slots, ulong hash)
    {
        var mask = slots.Length - 1;
        var place = (int)hash & mask;
        while (slots[place] != 0 && slots[place] != hash) place = (place + 1) & mask;
        return ref slots[place];
    }

    private void GiveUp() => (AreDistinct, _slots, _hashes) = (false, [], []);
}
