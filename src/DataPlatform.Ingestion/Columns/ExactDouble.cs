using System.Numerics;

namespace DataPlatform.Ingestion;

/// <summary>
/// The double nearest to a decimal number w × 10^q, ties to even: bit for bit what <see cref="double.Parse(string)"/> gives, several times faster.
/// </summary>
/// <remarks>
/// D. Lemire, Number Parsing at a Gigabyte per Second, Software: Practice and Experience 51 (2021), algorithm 1, which needs no fallback
/// for w below 2^64 (N. Mushtak, D. Lemire, Fast Number Parsing Without Fallback, 2023); below 2^53 and for small q first
/// W. D. Clinger, How to Read Floating Point Numbers Accurately (1990): two exact doubles give a correctly rounded product.
/// </remarks>
internal static class ExactDouble
{
    /// <summary>Exponents that are handled here: wider than any data, narrow enough that no result is subnormal or infinite.</summary>
    private const int MaxExponent = 80;

    private const ulong MaxExactInteger = 1UL << 53;
    private const int MantissaBits = 52;
    private const int MinExponentOfTies = -4;
    private const int MaxExponentOfTies = 23;

    // The first 128 bits of 5^q for q from -MaxExponent to MaxExponent: high and low half in turn.
    private static readonly ulong[] PowersOfFive = CreatePowersOfFive();

    private static ReadOnlySpan<double> PowersOfTen =>
    [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];

    /// <summary>Rounds <paramref name="significand"/> × 10^<paramref name="exponent"/>; false when the exponent is beyond ±80.</summary>
    public static bool TryRound(ulong significand, int exponent, out double value)
    {
        value = 0;
        if (significand == 0) return true;
        if (significand <= MaxExactInteger && exponent is >= -22 and <= 22)
        {
            value = exponent < 0 ? significand / PowersOfTen[-exponent] : significand * PowersOfTen[exponent];
            return true;
        }

        if (exponent is < -MaxExponent or > MaxExponent) return false;
        value = Round(significand, exponent);
        return true;
    }

    private static double Round(ulong significand, int exponent)
    {
        var leadingZeros = BitOperations.LeadingZeroCount(significand);
        significand <<= leadingZeros;
        var power = (exponent + MaxExponent) * 2;
        var high = Math.BigMul(significand, PowersOfFive[power], out var low);
        if ((high & 0x1FF) == 0x1FF)
        {
            var carry = Math.BigMul(significand, PowersOfFive[power + 1], out _);
            low += carry;
            if (low < carry) high++;
        }

        var upperBit = (int)(high >> 63);
        var shift = upperBit + 64 - MantissaBits - 3;
        var mantissa = high >> shift;
        var binaryExponent = ((217_706 * exponent) >> 16) + 63 + upperBit - leadingZeros + 1023;

        // Exactly between two doubles: the bit that would round up is taken off, so that the even one is left.
        if (low <= 1 && exponent is >= MinExponentOfTies and <= MaxExponentOfTies && (mantissa & 3) == 1 && mantissa << shift == high) mantissa &= ~1UL;
        mantissa = (mantissa + (mantissa & 1)) >> 1;
        if (mantissa >= 2UL << MantissaBits)
        {
            mantissa = 1UL << MantissaBits;
            binaryExponent++;
        }

        return BitConverter.UInt64BitsToDouble((mantissa & ~(1UL << MantissaBits)) | ((ulong)binaryExponent << MantissaBits));
    }

    private static ulong[] CreatePowersOfFive()
    {
        var powers = new ulong[((2 * MaxExponent) + 1) * 2];
        for (var q = -MaxExponent; q <= MaxExponent; q++)
        {
            var five = BigInteger.Pow(5, Math.Abs(q));
            if (q < 0)
            {
                // The reciprocal, rounded up.
                five = (BigInteger.One << ((int)five.GetBitLength() + 256)) / five;
                five = Truncate(five) + 1;
            }
            else
            {
                five = Truncate(five);
            }

            powers[(q + MaxExponent) * 2] = (ulong)(five >> 64);
            powers[((q + MaxExponent) * 2) + 1] = (ulong)(five & ulong.MaxValue);
        }

        return powers;
    }

    private static BigInteger Truncate(BigInteger value)
    {
        var excess = (int)value.GetBitLength() - 128;
        return excess > 0 ? value >> excess : value << -excess;
    }
}
