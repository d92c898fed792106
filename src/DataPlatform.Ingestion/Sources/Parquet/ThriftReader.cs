namespace DataPlatform.Ingestion;

/// <summary>
/// Looks through Thrift's compact protocol, in which Parquet has its metadata, before the library reads it: that believes lengths, and goes as deep as it is led.
/// See the Thrift specification, <c>thrift-compact-protocol.md</c>.
/// </summary>
internal ref struct ThriftReader(ReadOnlySpan<byte> bytes)
{
    public const int True = 1;
    private const int Stop = 0, False = 2, Byte = 3, I64 = 6, Double = 7, Binary = 8, List = 9, Set = 10, Map = 11, Struct = 12, Uuid = 13;
    private const int MaxDepth = 64;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _depth;

    /// <summary>How many bytes were read.</summary>
    public int Position { get; private set; }

    /// <summary>Goes on to the next field of a struct; false at its end.</summary>
    /// <param name="id">The id of the field before, then of this one.</param>
    /// <param name="type">What it is.</param>
    public bool NextField(ref int id, out int type)
    {
        var head = ReadByte();
        type = head & 0x0F;
        if (head == Stop) return false;
        if (type == Stop) throw new InvalidDataException("a field has no type");
        id = head >> 4 is > 0 and var distance ? id + distance : (int)ReadZigZag();
        return true;
    }

    /// <summary>Reads a whole number, whatever its width.</summary>
    public int ReadInt32(int type) => type is > Byte and <= I64 ? checked((int)ReadZigZag()) : throw new InvalidDataException($"a number is of type {type}");

    /// <summary>Passes a value.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    /// <exception cref="EndOfStreamException">It ends beyond the bytes.</exception>
    public void Skip(int type)
    {
        switch (type)
        {
            case True or False:
                break;
            case Byte:
                Advance(1);
                break;
            case > Byte and <= I64:
                ReadVarInt();
                break;
            case Double:
                Advance(sizeof(double));
                break;
            case Binary:
                Advance(ReadVarInt());
                break;
            case Uuid:
                Advance(16);
                break;
            case List or Set or Map or Struct:
                if (++_depth > MaxDepth) throw new InvalidDataException($"values are within each other more than {MaxDepth} deep");
                if (type == Struct) SkipStruct();
                else if (type == Map) SkipMap();
                else SkipList();
                _depth--;
                break;
            default:
                throw new InvalidDataException($"there is no type {type}");
        }
    }

    /// <summary>Passes a struct, and looks whether its fields are what they should be.</summary>
    /// <exception cref="InvalidDataException">One is not.</exception>
    /// <exception cref="EndOfStreamException">It ends beyond the bytes.</exception>
    public void CheckStruct(ThriftType expected) => Check(Struct, expected);

    /// <summary>Passes a struct.</summary>
    public void SkipStruct()
    {
        var id = 0;
        while (NextField(ref id, out var type)) Skip(type);
    }

    private void Check(int type, ThriftType expected)
    {
        if (!expected.Wire.Contains(type)) throw new InvalidDataException($"a value is of type {type}, which it cannot be");
        if (expected.Fields is { } fields)
        {
            var id = 0;
            while (NextField(ref id, out var field))
            {
                if (fields.TryGetValue(id, out var known)) Check(field, known);
                else Skip(field);
            }
        }
        else if (expected.Element is { } element)
        {
            var head = ReadByte();
            var count = head >> 4 is < 15 and var few ? (ulong)few : ReadVarInt();
            Require(count);
            for (var i = 0UL; i < count; i++) Check(head & 0x0F, element);
        }
        else
        {
            Skip(type);
        }
    }

    private void SkipList()
    {
        var head = ReadByte();
        SkipElements(head >> 4 is < 15 and var few ? (ulong)few : ReadVarInt(), head & 0x0F);
    }

    private void SkipMap()
    {
        if (ReadVarInt() is not (> 0 and var count)) return;
        var types = ReadByte();
        Require(count);
        for (var i = 0UL; i < count; i++)
        {
            SkipElement(types >> 4);
            SkipElement(types & 0x0F);
        }
    }

    private void SkipElements(ulong count, int type)
    {
        Require(count);
        for (var i = 0UL; i < count; i++) SkipElement(type);
    }

    // In a field the type says whether a boolean is true; in a list it has a byte.
    private void SkipElement(int type) => Skip(type is True or False ? Byte : type);

    private int ReadByte()
    {
        Require(1);
        return _bytes[Position++];
    }

    private long ReadZigZag()
    {
        var value = ReadVarInt();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>Reads a number of as many bytes as it takes.</summary>
    public ulong ReadVarInt()
    {
        var result = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var part = ReadByte();
            result |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80) return result;
        }

        throw new InvalidDataException("a number has more than 64 bits");
    }

    private void Advance(ulong count)
    {
        Require(count);
        Position += (int)count;
    }

    // Everything takes a byte at least: what says to have more elements than there are bytes does not have them.
    private readonly void Require(ulong count)
    {
        if (count > (ulong)(_bytes.Length - Position)) throw new EndOfStreamException($"{count} bytes or values are to be where {_bytes.Length - Position} bytes are left");
    }
}
