using System.Buffers.Binary;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Reads numeric into Decimal128. Digits beyond the scale are rounded half away from zero, as PostgreSQL's cast does.
/// Format: PostgreSQL's <c>numeric_send</c>.
/// </summary>
internal static class NumericDecoder
{
    private const int Base = 10_000;
    private const int DigitsInBase = 4;
    private const int HeaderSize = 4 * sizeof(short);
    private const ushort Positive = 0x0000, Negative = 0x4000;

    private static readonly UInt128[] PowersOfTen = CreatePowers();
    private static readonly UInt128 Limit = PowersOfTen[38];

    public static Int128 Decode(string column, ReadOnlySpan<byte> wire, Decimal128Type type)
    {
        var weight = BinaryPrimitives.ReadInt16BigEndian(wire[2..]);
        var sign = BinaryPrimitives.ReadUInt16BigEndian(wire[4..]);
        if (sign is not (Positive or Negative)) throw ColumnDecoder.NotReadable(column, "a numeric that is NaN or infinity");
        var digits = wire[HeaderSize..];

        UInt128 magnitude = 0;
        var exponent = DigitsInBase * weight + type.Scale; // of the group, counted in units of the scale
        for (; !digits.IsEmpty && exponent >= 0; digits = digits[sizeof(short)..], exponent -= DigitsInBase)
        {
            magnitude = magnitude * Base + BinaryPrimitives.ReadUInt16BigEndian(digits);
            if (magnitude >= Limit) throw TooLarge(column, type);
        }

        // The digits ended before the units, or go on behind them.
        if (digits.IsEmpty) magnitude = Shift(column, magnitude, exponent + DigitsInBase, type);
        else if (exponent >= -DigitsInBase) magnitude = AddAndRound(column, magnitude, BinaryPrimitives.ReadUInt16BigEndian(digits), -exponent, type);
        if (magnitude >= Limit) throw TooLarge(column, type);
        return sign == Negative ? -(Int128)magnitude : (Int128)magnitude;
    }

    private static UInt128 Shift(string column, UInt128 magnitude, int places, Decimal128Type type)
    {
        if (magnitude == 0 || places <= 0) return magnitude;
        return places > 38 || magnitude >= PowersOfTen[38 - places] ? throw TooLarge(column, type) : magnitude * PowersOfTen[places];
    }

    // Of the group only some digits, or none, are before the last unit; the digit after that decides how to round.
    private static UInt128 AddAndRound(string column, UInt128 magnitude, ushort group, int dropped, Decimal128Type type)
    {
        var divisor = (int)PowersOfTen[dropped];
        var kept = Shift(column, magnitude, DigitsInBase - dropped, type) + (uint)(group / divisor);
        return group % divisor * 2 >= divisor ? kept + 1 : kept;
    }

    private static UInt128[] CreatePowers()
    {
        var powers = new UInt128[39];
        powers[0] = 1;
        for (var i = 1; i < powers.Length; i++) powers[i] = powers[i - 1] * 10;
        return powers;
    }

    private static WarehouseException TooLarge(string column, Decimal128Type type) =>
        ColumnDecoder.NotReadable(column, $"a numeric with more than {type.Precision - type.Scale} digits before the point");
}
