using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Ingestion;

/// <summary>A hash of a row's values: the first eight bytes of the SHA-256 of them, each behind its length; a list is its elements behind their number.</summary>
internal static class RowHash
{
    public static ulong Of(RecordBatch batch, int[] columns, int row)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var column in columns) Append(hash, batch.Column(column), row);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt64BigEndian(digest);
    }

    /// <summary>The same of a row of which there is only text.</summary>
    public static ulong Of(string text) => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static void Append(IncrementalHash hash, IArrowArray array, int row)
    {
        if (array.IsValid(row) && array is ListArray lists)
        {
            var (first, end) = (lists.ValueOffsets[row], lists.ValueOffsets[row + 1]);
            AppendLength(hash, end - first);
            for (var i = first; i < end; i++) Append(hash, lists.Values, i);
            return;
        }

        var value = array.IsNull(row) ? default : ValueOf(array, row);
        AppendLength(hash, array.IsNull(row) ? -1 : value.Length);
        hash.AppendData(value);
    }

    private static void AppendLength(IncrementalHash hash, int value)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, value);
        hash.AppendData(length);
    }

    /// <summary>The bytes of a value that is not NULL and not a list.</summary>
    public static ReadOnlySpan<byte> ValueOf(IArrowArray array, int row) => array switch
    {
        BooleanArray bits => bits.GetValue(row)!.Value ? [1] : [0],
        BinaryArray bytes => bytes.GetBytes(row),
        _ when array.Data.DataType is FixedWidthType { BitWidth: var bits } => array.Data.Buffers[1].Span.Slice((array.Offset + row) * bits / 8, bits / 8),
        _ => throw new InvalidOperationException($"A row with a column of {array.Data.DataType.Name} has no hash."),
    };
}
