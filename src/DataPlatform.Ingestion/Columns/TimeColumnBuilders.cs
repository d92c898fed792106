namespace DataPlatform.Ingestion;

/// <summary>How dates and times are counted in columns.</summary>
internal static class ColumnTime
{
    private const int UnixEpochDayNumber = 719_162;

    // A constant of our own: in long first calls of hot loops .NET 10 has read DateTime.UnixEpoch.Ticks as 0.
    private const long UnixEpochTicks = 621_355_968_000_000_000;

    public static int DaysOf(DateOnly date) => date.DayNumber - UnixEpochDayNumber;

    /// <summary>Microseconds since 1970-01-01T00:00:00, rounded down.</summary>
    public static long MicrosOf(DateTime time) => FloorToMicros(time.Ticks - UnixEpochTicks);

    public static long MicrosOf(DateTimeOffset time) => FloorToMicros(time.UtcTicks - UnixEpochTicks);

    public static long MicrosOf(TimeOnly time) => time.Ticks / TimeSpan.TicksPerMicrosecond;

    public static DateOnly ToDate(int days) => DateOnly.FromDayNumber(days + UnixEpochDayNumber);

    public static DateTime ToDateTime(long micros, DateTimeKind kind) => new((micros * TimeSpan.TicksPerMicrosecond) + UnixEpochTicks, kind);

    private static long FloorToMicros(long ticks) =>
        ticks >= 0 ? ticks / TimeSpan.TicksPerMicrosecond : (ticks - TimeSpan.TicksPerMicrosecond + 1) / TimeSpan.TicksPerMicrosecond;
}

internal sealed class DateColumnBuilder : FixedColumnBuilder<int>
{
    public DateColumnBuilder(ContractColumn column) : base(column) => UseRules();

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => Utf8Parsing.TryParseDate(text, out var days) && Store(row, days);

    public override bool SetDate(int row, int days) => Store(row, days);

    protected override bool TryRead(ReadOnlySpan<byte> text, out int value) => Utf8Parsing.TryParseDate(text, out value);

    protected override string ExplainSyntax(ReadOnlySpan<byte> text) => " like 2026-01-31";

    protected override ValueRule<int> ToRule(ColumnConstraint constraint) => constraint switch
    {
        RangeConstraint range => new RangeRule<int>(
            range,
            range.Minimum is DateOnly minimum ? ColumnTime.DaysOf(minimum) : int.MinValue,
            range.Maximum is DateOnly maximum ? ColumnTime.DaysOf(maximum) : int.MaxValue),
        AllowedValuesConstraint allowed => new AllowedRule<int>(allowed, [.. allowed.Values.Cast<DateOnly>().Select(ColumnTime.DaysOf)]),
        ValidationConstraint validation => new ValidationRule<int>(validation.Attribute, Column.Name, days => ColumnTime.ToDate(days)),
        _ => throw Impossible(constraint),
    };
}

internal sealed class TimeColumnBuilder : FixedColumnBuilder<long>
{
    public TimeColumnBuilder(ContractColumn column) : base(column) => UseRules();

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => Utf8Parsing.TryParseTime(text, out var micros) && Store(row, micros);

    public override bool SetTime(int row, long micros) => Store(row, micros);

    protected override bool TryRead(ReadOnlySpan<byte> text, out long value) => Utf8Parsing.TryParseTime(text, out value);

    protected override string ExplainSyntax(ReadOnlySpan<byte> text) => " like 13:45:10.123456";

    protected override ValueRule<long> ToRule(ColumnConstraint constraint) => constraint switch
    {
        RangeConstraint range => new RangeRule<long>(
            range,
            range.Minimum is TimeOnly minimum ? ColumnTime.MicrosOf(minimum) : long.MinValue,
            range.Maximum is TimeOnly maximum ? ColumnTime.MicrosOf(maximum) : long.MaxValue),
        AllowedValuesConstraint allowed => new AllowedRule<long>(allowed, [.. allowed.Values.Cast<TimeOnly>().Select(ColumnTime.MicrosOf)]),
        ValidationConstraint validation => new ValidationRule<long>(validation.Attribute, Column.Name, micros => new TimeOnly(micros * TimeSpan.TicksPerMicrosecond)),
        _ => throw Impossible(constraint),
    };
}

/// <summary>A column of dates and times: moments in UTC, or without zone. A text without offset is taken as UTC; one with another offset than UTC does not fit a column without zone.</summary>
internal sealed class TimestampColumnBuilder : FixedColumnBuilder<long>
{
    private readonly bool _utc;

    public TimestampColumnBuilder(ContractColumn column, bool utc) : base(column)
    {
        _utc = utc;
        UseRules();
    }

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => TryRead(text, out var micros) && Store(row, micros);

    public override bool SetTimestamp(int row, long micros) => Store(row, micros);

    protected override bool TryRead(ReadOnlySpan<byte> text, out long value) =>
        Utf8Parsing.TryParseTimestamp(text, out value, out var offset) && (_utc || offset is null or 0);

    protected override string ExplainSyntax(ReadOnlySpan<byte> text) =>
        Utf8Parsing.TryParseTimestamp(text, out _, out _)
            ? ": it has an offset from UTC, which the column cannot keep"
            : _utc ? " like 2026-01-31T13:45:10.123456Z" : " like 2026-01-31T13:45:10.123456";

    protected override ValueRule<long> ToRule(ColumnConstraint constraint) => constraint switch
    {
        RangeConstraint range => new RangeRule<long>(range, ToMicros(range.Minimum) ?? long.MinValue, ToMicros(range.Maximum) ?? long.MaxValue),
        AllowedValuesConstraint allowed => new AllowedRule<long>(allowed, [.. allowed.Values.Select(value => ToMicros(value)!.Value)]),
        ValidationConstraint validation => new ValidationRule<long>(
            validation.Attribute,
            Column.Name,
            micros => _utc ? new DateTimeOffset(ColumnTime.ToDateTime(micros, DateTimeKind.Utc)) : ColumnTime.ToDateTime(micros, DateTimeKind.Unspecified)),
        _ => throw Impossible(constraint),
    };

    private static long? ToMicros(object? bound) => bound switch
    {
        DateTime time => ColumnTime.MicrosOf(time),
        DateTimeOffset moment => ColumnTime.MicrosOf(moment),
        _ => null,
    };
}
