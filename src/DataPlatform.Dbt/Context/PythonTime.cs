using System.Globalization;
using System.Text;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Context;

/// <summary>A date of Python.</summary>
internal sealed class PythonDate(DateOnly date) : JinjaObject
{
    public DateOnly Value => date;

    public override string TypeName => "date";

    public override bool TryGetAttribute(string name, out object? value) => PythonDateTime.TryGetOfDate(date.ToDateTime(TimeOnly.MinValue), isDate: true, name, out value);

    public override bool TryCalculate(string op, object? other, bool isLeft, out object? value)
    {
        value = (op, other) switch
        {
            ("+", PythonTimeDelta delta) => new PythonDate(date.AddDays(delta.Value.Days)),
            ("-", PythonTimeDelta delta) when isLeft => new PythonDate(date.AddDays(-delta.Value.Days)),
            ("-", PythonDate day) => new PythonTimeDelta(TimeSpan.FromDays(date.DayNumber - day.Value.DayNumber) * (isLeft ? 1 : -1)),
            _ => null,
        };
        return value is not null;
    }

    public override int? Compare(object? other) => other is PythonDate day ? date.CompareTo(day.Value) : null;

    public override string Print() => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    public override string Repr() => $"datetime.date({date.Year}, {date.Month}, {date.Day})";

    public override bool ValueEquals(object? other) => other is PythonDate day && day.Value == date;

    public override int ValueHash() => date.GetHashCode();
}

/// <summary>A moment of Python, with a zone or without one.</summary>
/// <param name="time">What clocks show.</param>
/// <param name="zone">Where they show it, or null when that is not known.</param>
internal sealed class PythonDateTime(DateTime time, PythonZone? zone = null) : JinjaObject
{
    private readonly PythonZone? _zone = zone ?? (time.Kind == DateTimeKind.Utc ? PythonZone.Utc : null);

    public DateTime Value => time;

    public override string TypeName => "datetime";

    private TimeSpan? Offset => _zone?.Offset;

    private DateTime AsUtc => DateTime.SpecifyKind(time - (Offset ?? TimeSpan.Zero), DateTimeKind.Utc);

    public override bool TryGetAttribute(string name, out object? value)
    {
        value = name switch
        {
            "hour" => (long)time.Hour,
            "minute" => (long)time.Minute,
            "second" => (long)time.Second,
            "microsecond" => Microseconds(time),
            "tzinfo" => _zone,
            "strftime" => new JinjaFunction(name, Signature.Of("strftime format", (_, a) => Format(time, a.Text(0), _zone))),
            "isoformat" => new JinjaFunction(name, Signature.Of("isoformat sep?", (_, a) => Iso(a.Text(0, "T")))),
            "date" => new JinjaFunction(name, _ => new PythonDate(DateOnly.FromDateTime(time))),
            "timestamp" => new JinjaFunction(name, _ => (AsUtc - DateTime.UnixEpoch).TotalSeconds),
            "utcoffset" => new JinjaFunction(name, _ => Offset is { } offset ? new PythonTimeDelta(offset) : null),
            "astimezone" => new JinjaFunction(name, Signature.Of("astimezone tz?", (_, a) => (a.Or(0, PythonZone.Utc) as PythonZone ?? throw NoZone(a[0])).At(AsUtc))),
            "replace" => new JinjaFunction(name, Signature.Of("replace year? month? day? hour? minute? second? microsecond? tzinfo?", (_, a) => Create(
                a.Int(0, time.Year), a.Int(1, time.Month), a.Int(2, time.Day), a.Int(3, time.Hour), a.Int(4, time.Minute), a.Int(5, time.Second), a.Int(6, (int)Microseconds(time)), a.Or(7, _zone)))),
            _ => null,
        };
        return value is not null || name == "tzinfo" || TryGetOfDate(time, isDate: false, name, out value);
    }

    public override bool TryCalculate(string op, object? other, bool isLeft, out object? value)
    {
        value = (op, other) switch
        {
            ("+", PythonTimeDelta delta) => new PythonDateTime(time + delta.Value, _zone),
            ("-", PythonTimeDelta delta) when isLeft => new PythonDateTime(time - delta.Value, _zone),
            ("-", PythonDateTime moment) => Offset is null == moment.Offset is null
                ? new PythonTimeDelta((AsUtc - moment.AsUtc) * (isLeft ? 1 : -1)) : throw new TemplateError("can't subtract offset-naive and offset-aware datetimes"),
            _ => null,
        };
        return value is not null;
    }

    public override int? Compare(object? other) => other is not PythonDateTime moment ? null
        : Offset is null == moment.Offset is null ? AsUtc.CompareTo(moment.AsUtc) : throw new TemplateError("can't compare offset-naive and offset-aware datetimes");

    public override string Print() => Iso(" ");

    public override string Repr() => $"datetime.datetime({time.Year}, {time.Month}, {time.Day}, {time.Hour}, {time.Minute}{(time.Second > 0 ? $", {time.Second}" : "")}{(_zone is null ? "" : $", tzinfo={_zone.Repr()}")})";

    public override bool ValueEquals(object? other) => other is PythonDateTime moment && Offset is null == moment.Offset is null && moment.AsUtc == AsUtc;

    public override int ValueHash() => AsUtc.GetHashCode();

    /// <summary><c>modules.datetime</c>.</summary>
    public static JinjaObject Module { get; } = new TemplateObject("modules.datetime")
        .Add("datetime", new Constructor("modules.datetime.datetime", "datetime year month day hour? minute? second? microsecond? tzinfo?",
            a => Create(a.Int(0), a.Int(1), a.Int(2), a.Int(3, 0), a.Int(4, 0), a.Int(5, 0), a.Int(6, 0), a.Or(7, null)))
            .Method("now tz?", a => a.Or(0, null) is PythonZone zone ? zone.At(DateTime.UtcNow) : new PythonDateTime(DateTime.SpecifyKind(DateTime.Now, DateTimeKind.Unspecified)))
            .Method("today", _ => new PythonDateTime(DateTime.SpecifyKind(DateTime.Now, DateTimeKind.Unspecified)))
            .Method("utcnow", _ => new PythonDateTime(DateTime.SpecifyKind(DateTime.UtcNow, DateTimeKind.Unspecified)))
            .Method("fromtimestamp timestamp tz?", a => (a.Or(1, null) as PythonZone ?? PythonZone.Utc).At(DateTime.UnixEpoch.AddSeconds(Number(a[0]))))
            .Method("fromisoformat text", a => new PythonDateTime(Parse(a.Text(0), "yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-dd HH:mm:ss.FFFFFF", "yyyy-MM-ddTHH:mm:ss.FFFFFF")))
            .Method("strptime text format", a => new PythonDateTime(Parse(a.Text(0), NetFormat(a.Text(1)))))
            .Method("combine date time", a => a[0] is PythonDate day && a[1] is PythonDateTime moment ? new PythonDateTime(day.Value.ToDateTime(TimeOnly.FromDateTime(moment.Value))) : throw TemplateObject.Unsupported("'modules.datetime.datetime.combine' of these")))
        .Add("date", new Constructor("modules.datetime.date", "date year month day", a => new PythonDate(DateOnly.FromDateTime(Create(a.Int(0), a.Int(1), a.Int(2)).Value)))
            .Method("today", _ => new PythonDate(DateOnly.FromDateTime(DateTime.Now)))
            .Method("fromisoformat text", a => new PythonDate(DateOnly.FromDateTime(Parse(a.Text(0), "yyyy-MM-dd")))))
        .Add("timedelta", new Constructor("modules.datetime.timedelta", "timedelta days? seconds? microseconds? milliseconds? minutes? hours? weeks?", a => new PythonTimeDelta(
            TimeSpan.FromDays(Number(a.Or(0, 0L))) + TimeSpan.FromSeconds(Number(a.Or(1, 0L))) + TimeSpan.FromMicroseconds(Number(a.Or(2, 0L)))
            + TimeSpan.FromMilliseconds(Number(a.Or(3, 0L))) + TimeSpan.FromMinutes(Number(a.Or(4, 0L))) + TimeSpan.FromHours(Number(a.Or(5, 0L))) + TimeSpan.FromDays(7 * Number(a.Or(6, 0L))))))
        .Add("timezone", new TemplateObject("modules.datetime.timezone").Add("utc", PythonZone.Utc));

    /// <summary>What dates and moments have in common.</summary>
    public static bool TryGetOfDate(DateTime time, bool isDate, string name, out object? value)
    {
        value = name switch
        {
            "year" => (long)time.Year,
            "month" => (long)time.Month,
            "day" => (long)time.Day,
            "strftime" => new JinjaFunction(name, Signature.Of("strftime format", (_, a) => Format(time, a.Text(0), null))),
            "isoformat" => new JinjaFunction(name, _ => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
            "weekday" => new JinjaFunction(name, _ => (long)(((int)time.DayOfWeek + 6) % 7)),
            "isoweekday" => new JinjaFunction(name, _ => (long)(((int)time.DayOfWeek + 6) % 7) + 1),
            "isocalendar" => new JinjaFunction(name, _ => new PythonTuple((long)ISOWeek.GetYear(time), (long)ISOWeek.GetWeekOfYear(time), (long)(((int)time.DayOfWeek + 6) % 7) + 1)),
            "toordinal" => new JinjaFunction(name, _ => (long)DateOnly.FromDateTime(time).DayNumber + 1),
            "replace" => new JinjaFunction(name, Signature.Of("replace year? month? day?", (_, a) =>
                new PythonDate(DateOnly.FromDateTime(Create(a.Int(0, time.Year), a.Int(1, time.Month), a.Int(2, time.Day)).Value)))),
            _ => throw TemplateObject.Unsupported($"'{name}' of a {(isDate ? "date" : "datetime")}"),
        };
        return true;
    }

    private static PythonDateTime Create(int year, int month, int day, int hour = 0, int minute = 0, int second = 0, int microsecond = 0, object? zone = null)
    {
        try
        {
            return new PythonDateTime(new DateTime(year, month, day, hour, minute, second, DateTimeKind.Unspecified).AddMicroseconds(microsecond), zone is null or PythonZone ? zone as PythonZone : throw NoZone(zone));
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new TemplateError($"{year}-{month}-{day} {hour}:{minute}:{second} is no moment: a part is out of range.");
        }
    }

    private static TemplateError NoZone(object? value) => new($"A zone is wanted, and {Operations.TypeName(value)} given.", "Make one with modules.pytz.timezone().");

    private static double Number(object? value) => Numbers.AsDouble(value) ?? throw new TemplateError($"A number is wanted, and {Operations.TypeName(value)} given.");

    private static long Microseconds(DateTime time) => (time.Ticks % TimeSpan.TicksPerSecond) / 10;

    private string Iso(string between) => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) + between + time.ToString("HH:mm:ss", CultureInfo.InvariantCulture)
        + (Microseconds(time) == 0 ? "" : time.ToString(".ffffff", CultureInfo.InvariantCulture)) + (Offset is { } offset ? PythonZone.Print(offset, ":") : "");

    private static string Format(DateTime time, string format, PythonZone? zone)
    {
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            // A minus leaves out the zeros before a number.
            var isBare = format[++i] == '-' && i + 1 < format.Length;
            if (isBare) i++;
            var part = format[i] switch
            {
                '%' => "%",
                'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
                'F' => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                'T' => time.ToString("HH:mm:ss", CultureInfo.InvariantCulture),
                'D' => time.ToString("MM/dd/yy", CultureInfo.InvariantCulture),
                'G' => ISOWeek.GetYear(time).ToString(CultureInfo.InvariantCulture),
                'V' => ISOWeek.GetWeekOfYear(time).ToString("00", CultureInfo.InvariantCulture),
                'u' => ((((int)time.DayOfWeek + 6) % 7) + 1).ToString(CultureInfo.InvariantCulture),
                'w' => ((int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
                's' => ((long)(time - (zone?.Offset ?? TimeSpan.Zero) - DateTime.UnixEpoch).TotalSeconds).ToString(CultureInfo.InvariantCulture),
                'z' => zone is null ? "" : PythonZone.Print(zone.Offset, ""),
                'Z' => zone is null ? "" : zone == PythonZone.Utc ? "UTC" : throw TemplateObject.Unsupported("'%Z' of a zone other than UTC"),
                var directive => time.ToString(Part(directive), CultureInfo.InvariantCulture),
            };
            text.Append(isBare && part.TrimStart('0') is { Length: > 0 } bare ? bare : part);
        }

        return text.ToString();
    }

    private static string NetFormat(string format)
    {
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] == '%' && i + 1 < format.Length) text.Append(Part(format[++i]).TrimStart('%'));
            else text.Append('\\').Append(format[i]);
        }

        return text.ToString();
    }

    // A percent sign before one letter alone keeps .NET from taking it for one of its standard formats.
    private static string Part(char directive) => directive switch
    {
        'Y' => "yyyy",
        'y' => "yy",
        'm' => "MM",
        'd' => "dd",
        'H' => "HH",
        'I' => "hh",
        'M' => "mm",
        'S' => "ss",
        'f' => "ffffff",
        'p' => "tt",
        'b' => "MMM",
        'B' => "MMMM",
        'a' => "ddd",
        'A' => "dddd",
        _ => throw TemplateObject.Unsupported($"'%{directive}' in the format of a date"),
    };

    private static DateTime Parse(string text, params string[] formats) =>
        DateTime.TryParseExact(text, formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
            ? time
            : throw new TemplateError($"time data '{text}' does not match the format");

    private sealed class Constructor(string name, string signature, Func<BoundArguments, object?> create) : TemplateObject(name)
    {
        private readonly Func<CallArguments, object?> _create = Signature.Of(signature, (_, arguments) => create(arguments));

        public override bool IsCallable => true;

        public override object? Call(CallArguments arguments) => _create(arguments);
    }
}

/// <summary>A span of time of Python.</summary>
internal sealed class PythonTimeDelta(TimeSpan span) : JinjaObject
{
    public TimeSpan Value => span;

    public override string TypeName => "timedelta";

    public override bool IsTrue => span != TimeSpan.Zero;

    // Python's days are rounded down, and what is left is never below zero.
    private long Days => (long)Math.Floor(span.TotalDays);

    private TimeSpan Rest => span - TimeSpan.FromDays(Days);

    public override bool TryGetAttribute(string name, out object? value)
    {
        value = name switch
        {
            "days" => Days,
            "seconds" => (long)Rest.TotalSeconds,
            "microseconds" => (Rest.Ticks % TimeSpan.TicksPerSecond) / 10,
            "total_seconds" => new JinjaFunction(name, _ => span.TotalSeconds),
            _ => null,
        };
        return value is not null;
    }

    public override bool TryCalculate(string op, object? other, bool isLeft, out object? value)
    {
        value = (op, other) switch
        {
            ("+", PythonTimeDelta delta) => new PythonTimeDelta(span + delta.Value),
            ("-", PythonTimeDelta delta) => new PythonTimeDelta(isLeft ? span - delta.Value : delta.Value - span),
            ("/", PythonTimeDelta delta) when delta.Value != TimeSpan.Zero => isLeft ? span / delta.Value : delta.Value / span,
            ("*", long or double) => new PythonTimeDelta(span * (double)Numbers.AsDouble(other)!),
            ("/", long or double) when isLeft && Numbers.AsDouble(other) != 0 => new PythonTimeDelta(span / (double)Numbers.AsDouble(other)!),
            _ => null,
        };
        return value is not null;
    }

    public override int? Compare(object? other) => other is PythonTimeDelta delta ? span.CompareTo(delta.Value) : null;

    public override string Print()
    {
        var text = Rest.ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture) + (Rest.Ticks % TimeSpan.TicksPerSecond == 0 ? "" : Rest.ToString(@"\.ffffff", CultureInfo.InvariantCulture));
        return Days == 0 ? text : string.Create(CultureInfo.InvariantCulture, $"{Days} day{(Math.Abs(Days) == 1 ? "" : "s")}, {text}");
    }

    public override string Repr() => string.Create(CultureInfo.InvariantCulture, $"datetime.timedelta(days={Days}, seconds={(long)Rest.TotalSeconds})");

    public override bool ValueEquals(object? other) => other is PythonTimeDelta delta && delta.Value == span;

    public override int ValueHash() => span.GetHashCode();
}

/// <summary>A zone of <c>modules.pytz</c>.</summary>
/// <param name="name">As the IANA database has it.</param>
/// <param name="zone">Its rules.</param>
/// <param name="fixedOffset">Of a zone that a moment was put into: the offset then.</param>
internal sealed class PythonZone(string name, TimeZoneInfo zone, TimeSpan? fixedOffset = null) : JinjaObject
{
    /// <summary>When no zone had rules yet.</summary>
    private static readonly DateTime LongAgo = new(1800, 1, 1, 0, 0, 0, DateTimeKind.Unspecified);

    public static PythonZone Utc { get; } = new("UTC", TimeZoneInfo.Utc, TimeSpan.Zero);

    /// <summary><c>modules.pytz</c>.</summary>
    public static JinjaObject Module { get; } = new TemplateObject("modules.pytz")
        .Add("utc", Utc)
        .Add("UTC", Utc)
        .Method("timezone zone", a => TimeZoneInfo.TryFindSystemTimeZoneById(a.Text(0), out var found)
            ? a.Text(0) == "UTC" ? Utc : new PythonZone(a.Text(0), found)
            : throw new TemplateError($"There is no time zone '{a.Text(0)}'.", "Name one of the IANA database, such as Europe/Berlin; the machine needs its files (the package tzdata)."));

    public override string TypeName => "timezone";

    public override bool TryGetAttribute(string attribute, out object? value)
    {
        value = attribute switch
        {
            "zone" => name,
            "localize" => new JinjaFunction(attribute, Signature.Of("localize dt is_dst?", (_, a) => a[0] is PythonDateTime moment
                ? new PythonDateTime(DateTime.SpecifyKind(moment.Value, DateTimeKind.Unspecified), new PythonZone(name, zone, zone.GetUtcOffset(DateTime.SpecifyKind(moment.Value, DateTimeKind.Unspecified))))
                : throw new TemplateError($"localize() takes a datetime, not {Operations.TypeName(a[0])}"))),
            _ => throw TemplateObject.Unsupported($"'{attribute}' of a time zone"),
        };
        return true;
    }

    /// <summary>A moment as clocks of this zone show it.</summary>
    public PythonDateTime At(DateTime utc)
    {
        var offset = fixedOffset ?? zone.GetUtcOffset(utc);
        return new PythonDateTime(DateTime.SpecifyKind(utc + offset, DateTimeKind.Unspecified), new PythonZone(name, zone, offset));
    }

    /// <summary>The offset of a moment that has this zone. pytz does not look for the one of its day unless it is asked to: it takes the first there was, by the sun.</summary>
    public TimeSpan Offset => fixedOffset ?? zone.GetUtcOffset(LongAgo);

    public static string Print(TimeSpan offset, string between) =>
        string.Create(CultureInfo.InvariantCulture, $"{(offset < TimeSpan.Zero ? '-' : '+')}{Math.Abs(offset.Hours):00}{between}{Math.Abs(offset.Minutes):00}");

    public override string Print() => name;

    public override string Repr() => ReferenceEquals(this, Utc) ? "<UTC>" : $"<DstTzInfo '{name}'>";
}
