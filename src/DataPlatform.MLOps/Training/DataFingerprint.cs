using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Ledger;

namespace DataPlatform.MLOps;

/// <summary>
/// Tells whether rows are the same rows as another time, in whatever order they come. Each row is hashed by SHA-256 and the hashes are added up,
/// the AdHash of Bellare and Micciancio (1997), which finds changes but does not withstand an adversary. The load number of a row does not count.
/// </summary>
internal sealed class DataFingerprint
{
    private readonly ArrayBufferWriter<byte> _row = new();
    private readonly ulong[] _sum = new ulong[SHA256.HashSizeInBytes / sizeof(ulong)];
    private string _columns = "";

    /// <summary>How many rows were added.</summary>
    public long Rows { get; private set; }

    /// <summary>Adds the rows of a batch.</summary>
    public void Add(RecordBatch batch)
    {
        var fields = batch.Schema.FieldsList;
        var counted = Enumerable.Range(0, fields.Count).Where(i => fields[i].Name != LoadTransaction.LoadIdColumn).ToList();
        _columns = string.Join('\n', counted.Select(i => $"{fields[i].Name} {Describe(fields[i].DataType)}"));
        var encoders = counted.Select(i => Encoder(batch.Column(i))).ToArray();
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        for (var row = 0; row < batch.Length; row++)
        {
            _row.ResetWrittenCount();
            foreach (var encode in encoders) encode(row);
            SHA256.HashData(_row.WrittenSpan, hash);
            for (var i = 0; i < _sum.Length; i++) _sum[i] += BinaryPrimitives.ReadUInt64LittleEndian(hash[(i * sizeof(ulong))..]);
        }

        Rows += batch.Length;
    }

    /// <summary>The fingerprint of the rows added so far, in hexadecimal.</summary>
    public override string ToString()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Rows}\n{_columns}\n")));
        foreach (var part in _sum) hash.AppendData(MemoryMarshal.AsBytes([part]));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private Action<int> Encoder(IArrowArray array)
    {
        Action<int> encode = array switch
        {
            BooleanArray bits => row => Append([bits.GetValue(row)!.Value ? (byte)1 : (byte)0]),
            BinaryArray values => row => AppendSized(values.GetBytes(row)),
            { Data.DataType: FixedWidthType { BitWidth: var bits } } when array.Data.Buffers.Length > 1 && bits % 8 == 0 => FixedWidth(array.Data, bits / 8),
            _ => throw new DataPlatformException(
                FailureClass.Configuration, $"Training data cannot have a column of type {array.Data.DataType.Name}.", "Cast it in the query."),
        };

        // What is NULL and what is not begin differently, so that neither can stand for the other.
        return row =>
        {
            Append([array.IsNull(row) ? (byte)0 : (byte)1]);
            if (!array.IsNull(row)) encode(row);
        };
    }

    private Action<int> FixedWidth(ArrayData data, int width) => row => Append(data.Buffers[1].Span.Slice((data.Offset + row) * width, width));

    private void AppendSized(ReadOnlySpan<byte> bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_row.GetSpan(sizeof(int)), bytes.Length);
        _row.Advance(sizeof(int));
        Append(bytes);
    }

    private void Append(ReadOnlySpan<byte> bytes) => _row.Write(bytes);

    private static string Describe(IArrowType type) => type switch
    {
        Decimal128Type number => string.Create(CultureInfo.InvariantCulture, $"{number.Name}({number.Precision},{number.Scale})"),
        TimestampType time => $"{time.Name}({time.Timezone})",
        _ => type.Name,
    };
}
