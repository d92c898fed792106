using System.Globalization;
using System.Numerics;
using System.Text;
using CsCheck;

namespace DataPlatform.Ingestion.Tests.Columns;

/// <summary>Each parser against the runtime's own, or arithmetic of any size, over many generated texts; and what it must refuse.</summary>
public sealed class Utf8ParsingTests
{
    private const int Samples = 20_000;

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    [Fact]
    public void Integers_read_as_the_runtime_reads_them() =>
        Gen.OneOf(Gen.Long, Gen.Long[-1000, 1000], Gen.Const(long.MinValue), Gen.Const(long.MaxValue), Gen.Const(0L)).Select(Gen.Int[0, 25], Gen.Bool).Sample((value, zeros, plus) =>
        {
            var digits = value.ToString(Invariant).TrimStart('-');
            var text = (value < 0 ? "-" : plus ? "+" : "") + new string('0', zeros) + digits;
            Utf8Parsing.TryParseInt64(Bytes(text), out var parsed).Should().BeTrue(text);
            parsed.Should().Be(value);
        }, iter: Samples);

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("+-1")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("1.0")]
    [InlineData("1e3")]
    [InlineData("12345678x")]
    [InlineData("x2345678")]
    [InlineData("1234567:")]
    [InlineData("12/4")]
    [InlineData("9223372036854775808")]
    [InlineData("-9223372036854775809")]
    [InlineData("99999999999999999999")]
    [InlineData("١٢")]
    public void Texts_that_are_no_integers_are_refused(string text) => Utf8Parsing.TryParseInt64(Bytes(text), out _).Should().BeFalse();

    [Fact]
    public void No_byte_but_a_digit_passes_for_one() =>
        Gen.Byte.Select(Gen.Int[0, 18], Gen.Int[1, 19]).Where((b, _, _) => b is < (byte)'0' or > (byte)'9').Sample((b, at, length) =>
        {
            var text = Enumerable.Repeat((byte)'7', length).ToArray();
            text[at % length] = b;
            var isSign = at % length == 0 && b is (byte)'-' or (byte)'+' && length > 1;
            Utf8Parsing.TryParseInt64(text, out _).Should().Be(isSign && at % length == 0, $"byte {b} at {at % length} of {length}");
        }, iter: Samples);

    [Fact]
    public void Decimals_read_exactly_at_every_scale() =>
        Gen.Int[1, 38].SelectMany(precision => Gen.Int[0, precision].Select(scale => (precision, scale)))
            .Select(GenDigits(40), Gen.Int[0, 12], Gen.Bool)
            .Sample((type, digits, fraction, negative) =>
            {
                fraction = Math.Min(fraction, digits.Length);
                var text = (negative ? "-" : "") + digits[..^fraction] + (fraction > 0 ? "." + digits[^fraction..] : "");
                var (quotient, rest) = BigInteger.DivRem(BigInteger.Parse(digits, Invariant) * BigInteger.Pow(10, type.scale), BigInteger.Pow(10, fraction));
                var fits = rest.IsZero && quotient < BigInteger.Pow(10, type.precision);
                Utf8Parsing.TryParseDecimal(Bytes(text), type.precision, type.scale, out var parsed).Should().Be(fits, $"{text} as decimal({type.precision},{type.scale})");
                if (fits) ((BigInteger)parsed).Should().Be(negative ? -quotient : quotient);
            }, iter: Samples);

    [Theory]
    [InlineData("12.5", "12.50")]
    [InlineData("12.500", "12.50")]
    [InlineData(".5", "0.50")]
    [InlineData("5.", "5.00")]
    [InlineData("-0", "0.00")]
    [InlineData("1.25e2", "125.00")]
    [InlineData("12500E-4", "1.25")]
    [InlineData("9999999999.99", "9999999999.99")]
    [InlineData("000000000000000000000000000000000000000000012.50", "12.50")]
    [InlineData("0e999", "0.00")]
    public void Decimal_texts_with_their_value(string text, string value)
    {
        Utf8Parsing.TryParseDecimal(Bytes(text), 12, 2, out var parsed).Should().BeTrue();
        parsed.Should().Be(Int128.Parse(value.Replace(".", "", StringComparison.Ordinal), Invariant));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("-")]
    [InlineData("1.2.3")]
    [InlineData("1,2")]
    [InlineData("12.345")]
    [InlineData("10000000000")]
    [InlineData("1e99")]
    [InlineData("1e")]
    [InlineData("e1")]
    [InlineData("NaN")]
    [InlineData("0x10")]
    public void Texts_that_are_no_such_decimal_are_refused(string text) => Utf8Parsing.TryParseDecimal(Bytes(text), 12, 2, out _).Should().BeFalse();

    [Fact]
    public void Doubles_read_to_the_last_bit_as_the_runtime_reads_them() =>
        Gen.OneOf(
            Gen.Double.Where(double.IsFinite).Select(value => value.ToString("R", Invariant)),
            Gen.Select(GenDigits(25), GenDigits(25)).Select((whole, fraction) => $"{whole}.{fraction}"),
            Gen.Select(GenDigits(20), Gen.Int[-400, 400]).Select((digits, exponent) => $"-{digits}e{exponent}"),
            Gen.Select(Gen.ULong, Gen.Int[-90, 90]).Select((digits, exponent) => $"{digits}E{exponent}"),
            // Exactly between two doubles, where rounding decides.
            Gen.Select(Gen.ULong[1UL << 53, 1UL << 54], Gen.Int[0, 9]).Select((digits, shift) => ((digits | 1) << shift).ToString(Invariant)))
        .Sample(text =>
        {
            var expected = double.Parse(text, Invariant);
            Utf8Parsing.TryParseDouble(Bytes(text), out var parsed).Should().Be(double.IsFinite(expected), text);
            if (double.IsFinite(expected)) BitConverter.DoubleToInt64Bits(parsed).Should().Be(BitConverter.DoubleToInt64Bits(expected), text);
        }, iter: Samples);

    [Fact]
    public void Floats_are_rounded_once() =>
        Gen.Float.Where(float.IsFinite).Sample(value =>
        {
            Utf8Parsing.TryParseSingle(Bytes(value.ToString("R", Invariant)), out var parsed).Should().BeTrue();
            BitConverter.SingleToInt32Bits(parsed).Should().Be(BitConverter.SingleToInt32Bits(value));
        }, iter: Samples);

    [Theory]
    [InlineData("NaN", double.NaN)]
    [InlineData("nan", double.NaN)]
    [InlineData("Infinity", double.PositiveInfinity)]
    [InlineData("-inf", double.NegativeInfinity)]
    public void Doubles_that_are_no_numbers(string text, double value)
    {
        Utf8Parsing.TryParseDouble(Bytes(text), out var parsed).Should().BeTrue();
        parsed.Should().Be(value);
        Utf8Parsing.TryParseSingle(Bytes(text), out var single).Should().BeTrue();
        single.Should().Be((float)value);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("1,000")]
    [InlineData("1e400")]
    [InlineData("--1")]
    [InlineData("1.5.")]
    [InlineData("0x1p3")]
    [InlineData("1e+")]
    [InlineData("infinit")]
    [InlineData(".")]
    public void Texts_that_are_no_doubles_are_refused(string text)
    {
        Utf8Parsing.TryParseDouble(Bytes(text), out _).Should().BeFalse();
        Utf8Parsing.TryParseSingle(Bytes(text), out _).Should().BeFalse();
    }

    [Fact]
    public void Every_date_there_is_reads_back()
    {
        for (var date = DateOnly.MinValue; ; date = date.AddDays(1))
        {
            if (!Utf8Parsing.TryParseDate(Bytes(date.ToString("yyyy-MM-dd", Invariant)), out var days) || ColumnTime.ToDate(days) != date) Assert.Fail($"{date:O} read as {days}");
            if (date == DateOnly.MaxValue) break;
        }
    }

    [Theory]
    [InlineData("2026-02-29")]
    [InlineData("2100-02-29")]
    [InlineData("2026-04-31")]
    [InlineData("2026-13-01")]
    [InlineData("2026-00-01")]
    [InlineData("2026-01-00")]
    [InlineData("0000-01-01")]
    [InlineData("2026-1-01")]
    [InlineData("2026/01/01")]
    [InlineData("26-01-01")]
    [InlineData("2026-01-01 ")]
    [InlineData("2026-01-01T00:00")]
    [InlineData("20x6-01-01")]
    public void Texts_that_are_no_dates_are_refused(string text) => Utf8Parsing.TryParseDate(Bytes(text), out _).Should().BeFalse();

    [Fact]
    public void Timestamps_read_as_the_runtime_reads_them() =>
        Gen.Select(Gen.Long[0, DateTime.MaxValue.Ticks], Gen.Int[0, 7], Gen.Bool, Gen.Int[-14 * 60, 14 * 60], Gen.Int[0, 3].Select(i => ((string[])["none", "Z", "hh:mm", "hhmm"])[i])).Sample((ticks, decimals, t, offset, zone) =>
        {
            var time = new DateTime(ticks - (ticks % (long)Math.Pow(10, 7 - decimals)), DateTimeKind.Unspecified);
            var format = "yyyy-MM-dd" + (t ? "'T'" : "' '") + "HH:mm:ss" + (decimals > 0 ? "." + new string('f', decimals) : "");
            var sign = offset < 0 ? "-" : "+";
            var suffix = zone switch
            {
                "none" => "",
                "Z" => "Z",
                _ => $"{sign}{Math.Abs(offset) / 60:00}{(zone == "hh:mm" ? ":" : "")}{Math.Abs(offset) % 60:00}",
            };
            var text = time.ToString(format, Invariant) + suffix;
            Utf8Parsing.TryParseTimestamp(Bytes(text), out var micros, out var read).Should().BeTrue(text);
            var shift = zone is "none" or "Z" ? 0 : offset;
            micros.Should().Be(ColumnTime.MicrosOf(time) - (shift * 60_000_000L), text);
            read.Should().Be(zone == "none" ? null : shift, text);
        }, iter: Samples);

    [Theory]
    [InlineData("2026-01-31T13:45", 13 * 3600 + 45 * 60, 0)]
    [InlineData("2026-01-31 13:45:10.1", 13 * 3600 + 45 * 60 + 10, 100_000)]
    [InlineData("2026-01-31t13:45:10.123456789", 13 * 3600 + 45 * 60 + 10, 123_456)]
    [InlineData("2026-01-31T13:45:10+02", 11 * 3600 + 45 * 60 + 10, 0)]
    public void Timestamp_texts_with_their_value(string text, int seconds, int micros)
    {
        Utf8Parsing.TryParseTimestamp(Bytes(text), out var parsed, out _).Should().BeTrue();
        parsed.Should().Be(ColumnTime.MicrosOf(new DateTime(2026, 1, 31, 0, 0, 0, DateTimeKind.Utc)) + (seconds * 1_000_000L) + micros);
    }

    [Theory]
    [InlineData("2026-01-31")]
    [InlineData("2026-01-31T")]
    [InlineData("2026-01-31T1:45")]
    [InlineData("2026-01-31T24:00")]
    [InlineData("2026-01-31T13:60")]
    [InlineData("2026-01-31T13:45:60")]
    [InlineData("2026-01-31T13:45:10.")]
    [InlineData("2026-01-31T13:45:10.1234567890")]
    [InlineData("2026-01-31T13:45:10 +02")]
    [InlineData("2026-01-31T13:45:10+2")]
    [InlineData("2026-01-31T13:45:10+02:60")]
    [InlineData("2026-01-31T13:45:10+19:00")]
    [InlineData("2026-01-31T13:45:10ZZ")]
    [InlineData("2026-01-31x13:45:10")]
    [InlineData("2026-02-30T13:45:10")]
    public void Texts_that_are_no_timestamps_are_refused(string text) => Utf8Parsing.TryParseTimestamp(Bytes(text), out _, out _).Should().BeFalse();

    [Theory]
    [InlineData("00:00", 0)]
    [InlineData("23:59:59.999999", 86_399_999_999)]
    [InlineData("13:45:10", 49_510_000_000)]
    public void Times_with_their_value(string text, long micros)
    {
        Utf8Parsing.TryParseTime(Bytes(text), out var parsed).Should().BeTrue();
        parsed.Should().Be(micros);
    }

    [Theory]
    [InlineData("24:00")]
    [InlineData("1:00")]
    [InlineData("13:45:10Z")]
    [InlineData("")]
    public void Texts_that_are_no_times_are_refused(string text) => Utf8Parsing.TryParseTime(Bytes(text), out _).Should().BeFalse();

    [Theory]
    [InlineData("true", true)]
    [InlineData("FALSE", false)]
    [InlineData("t", true)]
    [InlineData("F", false)]
    [InlineData("1", true)]
    [InlineData("0", false)]
    [InlineData("Yes", true)]
    [InlineData("no", false)]
    [InlineData("y", true)]
    [InlineData("N", false)]
    public void Booleans_with_their_value(string text, bool value)
    {
        Utf8Parsing.TryParseBoolean(Bytes(text), out var parsed).Should().BeTrue();
        parsed.Should().Be(value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("2")]
    [InlineData("on")]
    [InlineData("tru")]
    [InlineData("True ")]
    [InlineData("\u0011")]
    [InlineData("\u0010")]
    [InlineData("truth")]
    public void Texts_that_are_no_booleans_are_refused(string text) => Utf8Parsing.TryParseBoolean(Bytes(text), out _).Should().BeFalse();

    [Fact]
    public void Uuids_read_in_network_order() =>
        Gen.Guid.Select(Gen.Bool.Select(hyphens => hyphens ? "D" : "N")).Sample((value, format) =>
        {
            var bytes = new byte[16];
            Utf8Parsing.TryParseUuid(Bytes(value.ToString(format).ToUpperInvariant()), bytes).Should().BeTrue();
            new Guid(bytes, bigEndian: true).Should().Be(value);
        });

    [Theory]
    [InlineData("")]
    [InlineData("{0f8fad5b-d9cb-469f-a165-70867728950e}")]
    [InlineData("0f8fad5b-d9cb-469f-a165-70867728950")]
    [InlineData("0f8fad5b-d9cb-469f-a165-70867728950g")]
    public void Texts_that_are_no_uuids_are_refused(string text) => Utf8Parsing.TryParseUuid(Bytes(text), new byte[16]).Should().BeFalse();

    [Fact]
    public void Bytes_read_from_base64_and_hexadecimal() =>
        Gen.Byte.Array[0, 50].Select(Gen.Bool).Sample((value, hex) =>
        {
            var text = Bytes(hex ? @"\x" + Convert.ToHexString(value) : Convert.ToBase64String(value));
            var buffer = new byte[Utf8Parsing.MaxBinaryLength(text)];
            Utf8Parsing.TryParseBinary(text, buffer, out var length).Should().BeTrue();
            buffer.AsSpan(0, length).ToArray().Should().Equal(value);
        });

    [Theory]
    [InlineData(@"\x0")]
    [InlineData(@"\xzz")]
    [InlineData("a")]
    [InlineData("ab cd===")]
    [InlineData("ä===")]
    public void Texts_that_are_no_bytes_are_refused(string text) => Utf8Parsing.TryParseBinary(Bytes(text), new byte[100], out _).Should().BeFalse();

    private static Gen<string> GenDigits(int most) => Gen.Char['0', '9'].Array[1, most].Select(digits => new string(digits));

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
