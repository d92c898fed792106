using System.Globalization;
using System.Numerics;
using System.Text;
using DataPlatform.DuckDb.Native;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Columns;

/// <summary>Turns .NET values into DuckDB's, each of the type that a column for it has.</summary>
internal static class ParameterValue
{
    private const long UnixEpochTicks = 621_355_968_000_000_000;
    private const long TicksPerMicrosecond = 10;
    private static readonly int UnixEpochDay = DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;

    /// <summary>Makes the value of a parameter; the caller disposes of it. Times are cut to microseconds.</summary>
    public static DuckDBValue From(object? value, int position, DuckDbErrors errors) => value switch
    {
        null or DBNull => NativeMethods.Value.DuckDBCreateNullValue(),
        bool flag => NativeMethods.Value.DuckDBCreateBool(flag),
        sbyte number => NativeMethods.Value.DuckDBCreateInt16(number),
        byte number => NativeMethods.Value.DuckDBCreateInt16(number),
        short number => NativeMethods.Value.DuckDBCreateInt16(number),
        ushort number => NativeMethods.Value.DuckDBCreateInt32(number),
        int number => NativeMethods.Value.DuckDBCreateInt32(number),
        uint number => NativeMethods.Value.DuckDBCreateInt64(number),
        long number => NativeMethods.Value.DuckDBCreateInt64(number),
        ulong number => Decimal(number),
        float number => NativeMethods.Value.DuckDBCreateFloat(number),
        double number => NativeMethods.Value.DuckDBCreateDouble(number),
        decimal number => Decimal(number),
        string text => Text(text),
        char character => Text(character.ToString()),
        byte[] bytes => NativeMethods.Value.DuckDBCreateBlob(bytes, bytes.Length),
        DateOnly date => NativeMethods.Value.DuckDBCreateDate(new DuckDBDate { Days = date.DayNumber - UnixEpochDay }),
        TimeOnly time => NativeMethods.Value.DuckDBCreateTime(new DuckDBTime { Micros = time.Ticks / TicksPerMicrosecond }),
        DateTime { Kind: DateTimeKind.Utc } moment => NativeMethods.Value.DuckDBCreateTimestampTz(Micros(moment.Ticks)),
        DateTime moment => NativeMethods.Value.DuckDBCreateTimestamp(Micros(moment.Ticks)),
        DateTimeOffset moment => NativeMethods.Value.DuckDBCreateTimestampTz(Micros(moment.UtcTicks)),
        Guid uuid => NativeMethods.Value.DuckDBCreateUuid(Uuid(uuid)),
        _ => throw errors.Failed(
            FailureClass.Configuration,
            $"Parameter ${position} is a {value.GetType().Name}, which has no column type.",
            "Give text, a number, a boolean, bytes, a date, a time, a UUID or null."),
    };

    // With its length, because DuckDB's text may hold NUL characters.
    private static unsafe DuckDBValue Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* start = bytes) return DuckDbNative.CreateVarchar(start, (ulong)bytes.Length);
    }

    private static DuckDBValue Decimal(decimal number)
    {
        Span<int> parts = stackalloc int[4];
        decimal.GetBits(number, parts);
        var magnitude = new Int128((uint)parts[2], ((ulong)(uint)parts[1] << 32) | (uint)parts[0]);
        var digits = magnitude.ToString(CultureInfo.InvariantCulture).Length;
        var unscaled = decimal.IsNegative(number) ? -magnitude : magnitude;
        return NativeMethods.Value.DuckDBCreateDecimal(
            new DuckDBDecimal((byte)Math.Max(digits, number.Scale + 1), number.Scale, new DuckDBHugeInt((BigInteger)unscaled)));
    }

    private static DuckDBTimestampStruct Micros(long ticks) => new() { Micros = (ticks - UnixEpochTicks) / TicksPerMicrosecond };

    private static DuckDBHugeInt Uuid(Guid uuid)
    {
        Span<byte> bytes = stackalloc byte[16];
        uuid.TryWriteBytes(bytes, bigEndian: true, out _);
        var upper = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes);
        return new DuckDBHugeInt(System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), (long)upper);
    }
}
