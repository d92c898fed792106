using System.Buffers.Binary;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Core.Tests.Warehouses;

public sealed class BinaryCopyEncoderTests
{
    private const string Header = "5047434F50590AFF0D0A00" + "00000000" + "00000000";

    // Wire forms as PostgreSQL's own COPY … TO writes them.
    [Theory]
    [InlineData("0.00", "0000000000000002")]
    [InlineData("1.00", "00010000000000020001")]
    [InlineData("-1.25", "0002000040000002000109C4")]
    [InlineData("0.01", "0001FFFF000000020064")]
    [InlineData("10000.00", "00010001000000020001")]
    [InlineData("12345678.90", "000300010000000204D2162E2328")]
    public void Decimals_are_written_as_PostgreSQL_writes_them(string value, string wire)
    {
        var schema = new Schema([new Field("n", new Decimal128Type(20, 2), true)], null);
        var encoded = Encode(schema, PostgreSqlTypes.Numeric, [[decimal.Parse(value, System.Globalization.CultureInfo.InvariantCulture)]]);
        Convert.ToHexString(encoded).Should().Be(Header + "0001" + (wire.Length / 2).ToString("X8", null) + wire + "FFFF");
    }

    [Fact]
    public void A_row_is_its_number_of_columns_and_for_each_a_length_and_a_value()
    {
        var schema = new Schema([new Field("a", Int32Type.Default, true), new Field("b", StringType.Default, true), new Field("c", BooleanType.Default, true), ColumnTypes.Json("d")], null);
        using var encoder = new BinaryCopyEncoder([.. new[] { PostgreSqlTypes.Int4, PostgreSqlTypes.Text, PostgreSqlTypes.Boolean, PostgreSqlTypes.Jsonb }
            .Select((type, i) => ValueEncoder.Create(schema.GetFieldByIndex(i), Column(type))!)]);
        Convert.ToHexString(Encode(encoder, RecordBatches.Create(schema, [[258, "é", true, "1"], [null, "", null, null]]))).Should().Be(
            Header
            + "0004" + "0000000400000102" + "00000002C3A9" + "0000000101" + "000000020131"
            + "0004" + "FFFFFFFF" + "00000000" + "FFFFFFFF" + "FFFFFFFF"
            + "FFFF");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1023)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(150_000)]
    public void Any_number_of_rows_is_encoded_whatever_the_buffer_holds(int rows)
    {
        var schema = new Schema([new Field("id", Int64Type.Default, false), new Field("text", StringType.Default, true)], null);
        static string? Text(int row) => row % 3 == 0 ? null : new string('x', row % 5_003 == 1 ? 300_000 : row % 97);
        using var encoder = new BinaryCopyEncoder(
            [ValueEncoder.Create(schema.GetFieldByIndex(0), Column(PostgreSqlTypes.Int8))!, ValueEncoder.Create(schema.GetFieldByIndex(1), Column(PostgreSqlTypes.Text))!]);
        using var batch = RecordBatches.Create(schema, [.. Enumerable.Range(0, rows).Select(i => (object?[])[(long)i, Text(i)])]);

        var decoded = Decode(Encode(encoder, batch));
        encoder.Rows.Should().Be(rows);
        decoded.Should().HaveCount(rows);
        for (var row = 0; row < rows; row++)
        {
            var id = BinaryPrimitives.ReadInt64BigEndian(decoded[row][0]);
            var length = decoded[row][1]?.Length;
            if (id != row || length != Text(row)?.Length) Assert.Fail($"Row {row} has id {id} and a text of {length}.");
        }
    }

    [Fact]
    public void Decimals_read_back_as_they_were_written() => Gen.Select(Gen.Int128, Gen.Int[0, 38], Gen.Int[0, 38]).Sample(
        (any, digits, scale) =>
        {
            var limit = Enumerable.Range(0, digits).Aggregate((Int128)1, (power, _) => power * 10);
            var value = any % limit;
            var type = new Decimal128Type(38, scale);
            var wire = Decode(Encode(new Schema([new Field("n", type, true)], null), PostgreSqlTypes.Numeric, [[value]]))[0][0]!;
            NumericDecoder.Decode("n", wire, type).Should().Be(value);
        },
        iter: 20_000);

    [Fact]
    public void Numbers_are_not_narrowed_and_types_not_mixed()
    {
        ValueEncoder.Create(new Field("a", Int64Type.Default, true), Column(PostgreSqlTypes.Int4)).Should().BeNull();
        ValueEncoder.Create(new Field("a", Int32Type.Default, true), Column(PostgreSqlTypes.Int2)).Should().BeNull();
        ValueEncoder.Create(new Field("a", DoubleType.Default, true), Column(PostgreSqlTypes.Float4)).Should().BeNull();
        ValueEncoder.Create(new Field("a", ColumnTypes.Timestamp, true), Column(PostgreSqlTypes.TimestampTz)).Should().BeNull();
        ValueEncoder.Create(new Field("a", ColumnTypes.TimestampUtc, true), Column(PostgreSqlTypes.Timestamp)).Should().BeNull();
        ValueEncoder.Create(new Field("a", StringType.Default, true), Column(PostgreSqlTypes.Uuid)).Should().BeNull();
        ValueEncoder.Create(new Field("a", new Decimal128Type(10, 3), true), Column(PostgreSqlTypes.Numeric) with { Precision = 10, Scale = 2 }).Should().BeNull();
        ValueEncoder.Create(new Field("a", new FixedSizeBinaryType(16), true), Column(PostgreSqlTypes.Uuid)).Should().BeNull();
    }

    [Fact]
    public void U0000_behind_a_NULL_does_no_harm()
    {
        var offsets = new ArrowBuffer.Builder<int>().Append(0).Append(1).Append(2).Build();
        var values = new ArrowBuffer.Builder<byte>().Append(0).Append((byte)'a').Build();
        var validity = new ArrowBuffer.BitmapBuilder().Append(false).Append(true).Build();
        var schema = new Schema([new Field("t", StringType.Default, true)], null);
        using var batch = new RecordBatch(schema, [new StringArray(2, offsets, values, validity, nullCount: 1)], 2);
        using var encoder = new BinaryCopyEncoder([ValueEncoder.Create(schema.GetFieldByIndex(0), Column(PostgreSqlTypes.Text))!]);
        Decode(Encode(encoder, batch)).Should().BeEquivalentTo(new byte[]?[][] { [null], ["a"u8.ToArray()] });
    }

    private static byte[] Encode(Schema schema, uint type, IReadOnlyList<object?[]> rows)
    {
        using var encoder = new BinaryCopyEncoder([ValueEncoder.Create(schema.GetFieldByIndex(0), Column(type))!]);
        using var batch = RecordBatches.Create(schema, rows);
        return Encode(encoder, batch);
    }

    private static byte[] Encode(BinaryCopyEncoder encoder, RecordBatch batch)
    {
        using var sent = new MemoryStream();
        encoder.Load(batch);
        while (encoder.Fill()) Send();
        Send();
        encoder.WriteTrailer();
        Send();
        return sent.ToArray();

        void Send()
        {
            sent.Write(encoder.Encoded.Span);
            encoder.Clear();
        }
    }

    private static List<byte[]?[]> Decode(ReadOnlySpan<byte> encoded)
    {
        var rows = new List<byte[]?[]>();
        var rest = encoded[(Header.Length / 2)..];
        while (BinaryPrimitives.ReadInt16BigEndian(rest) is var columns and >= 0)
        {
            rest = rest[2..];
            var row = new byte[]?[columns];
            for (var i = 0; i < columns; i++)
            {
                var length = BinaryPrimitives.ReadInt32BigEndian(rest);
                rest = rest[4..];
                if (length < 0) continue;
                row[i] = rest[..length].ToArray();
                rest = rest[length..];
            }

            rows.Add(row);
        }

        rest.Length.Should().Be(2, "nothing follows the trailer");
        return rows;
    }

    private static TableColumn Column(uint type) => new("column", type, "type", null, null, TakesText: false, Nullable: true, IsEqualByBytes: false);
}
