using System.Buffers;
using System.Text;

namespace DataPlatform.Ingestion;

/// <summary>Writes Thrift's compact protocol, in which Parquet has its metadata. See the Thrift specification, <c>thrift-compact-protocol.md</c>.</summary>
internal sealed class ThriftWriter(IBufferWriter<byte> output)
{
    private const byte True = 1, False = 2, Byte = 3, I16Type = 4, I32Type = 5, I64Type = 6, BinaryType = 8, ListType = 9, StructType = 12;

    private readonly Stack<short> _outer = new();
    private short _lastId;

    /// <summary>Begins a struct that is not a field: the outermost, or an element of a list.</summary>
    public ThriftWriter Begin()
    {
        _outer.Push(_lastId);
        _lastId = 0;
        return this;
    }

    public ThriftWriter BeginStruct(short id) => Field(id, StructType).Begin();

    public ThriftWriter End()
    {
        WriteByte(0);
        _lastId = _outer.Pop();
        return this;
    }

    /// <summary>A struct without fields: which member of a union it is says all.</summary>
    public ThriftWriter EmptyStruct(short id) => BeginStruct(id).End();

    public ThriftWriter Bool(short id, bool value) => Field(id, value ? True : False);

    public ThriftWriter I8(short id, sbyte value)
    {
        Field(id, Byte);
        return WriteByte((byte)value);
    }

    public ThriftWriter I16(short id, short value) => Field(id, I16Type).ZigZag(value);

    public ThriftWriter I32(short id, int value) => Field(id, I32Type).ZigZag(value);

    public ThriftWriter I64(short id, long value) => Field(id, I64Type).ZigZag(value);

    public ThriftWriter Binary(short id, ReadOnlySpan<byte> value) => Field(id, BinaryType).Bytes(value);

    public ThriftWriter Text(short id, string value) => Binary(id, Encoding.UTF8.GetBytes(value));

    public ThriftWriter BeginStructs(short id, int count) => BeginList(id, StructType, count);

    public ThriftWriter I32s(short id, params ReadOnlySpan<int> values)
    {
        BeginList(id, I32Type, values.Length);
        foreach (var value in values) ZigZag(value);
        return this;
    }

    public ThriftWriter Texts(short id, params ReadOnlySpan<string> values)
    {
        BeginList(id, BinaryType, values.Length);
        foreach (var value in values) Bytes(Encoding.UTF8.GetBytes(value));
        return this;
    }

    private ThriftWriter BeginList(short id, byte type, int count)
    {
        Field(id, ListType);
        if (count < 15) return WriteByte((byte)((count << 4) | type));
        WriteByte((byte)(0xF0 | type));
        return VarInt((uint)count);
    }

    // Ids are written as the distance to the one before.
    private ThriftWriter Field(short id, byte type)
    {
        var distance = id - _lastId;
        _lastId = id;
        if (distance is > 0 and <= 15) return WriteByte((byte)((distance << 4) | type));
        WriteByte(type);
        return ZigZag(id);
    }

    private ThriftWriter Bytes(ReadOnlySpan<byte> value)
    {
        VarInt((uint)value.Length);
        output.Write(value);
        return this;
    }

    private ThriftWriter ZigZag(long value) => VarInt((ulong)((value << 1) ^ (value >> 63)));

    private ThriftWriter VarInt(ulong value)
    {
        output.Advance(ParquetEncoding.WriteVarInt(output.GetSpan(10), value));
        return this;
    }

    private ThriftWriter WriteByte(byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
        return this;
    }
}
