using System.Buffers.Binary;
using System.Security.Cryptography;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Ingestion;

/// <summary>A hash of a row's values: the first eight bytes of the SHA-256 of them, each behind its length.</summary>
internal static class RowHash
{
    public static ulong Of(RecordBatch batch, int[] columns, int row)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var column in columns)
        {
            var array = batch.Column(column);
            var value = array.IsNull(row) ? default : ValueOf(array, row);
            BinaryPrimitives.WriteInt32LittleEndian(length, array.IsNull(row) ? -1 : value.Length);
            hash.AppendData(length);
            hash.AppendData(value);
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt64BigEndian(digest);
    }

    private static ReadOnlySpan<byte> ValueOf(IArrowArray array, int row) => array switch
    {
        BooleanArray bits => bits.GetValue(row)!.Value ? [1] : [0],
        BinaryArray bytes => bytes.GetBytes(row),
        _ when array.Data.DataType is FixedWidthType { BitWidth: var bits } => array.Data.Buffers[1].Span.Slice((array.Offset + row) * bits / 8, bits / 8),
        _ => throw new InvalidOperationException($"A row with a column of {array.Data.DataType.Name} has no hash."),
    };
}
