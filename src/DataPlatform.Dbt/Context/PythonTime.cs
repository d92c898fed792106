using System.Globalization;
using System.Text;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Context;

/// <summary>A date of Python.</summary>
internal sealed class PythonDate(DateOnly date) : JinjaObject
{
    public DateOnly Value => date;

    public override string TypeName => "date";

    public override bool TryGetAttribute(string name, out object? value) => PythonDateTime.TryGet(date.ToDateTime(TimeOnly.MinValue), isDate: true, name, out value);

    public override string Print() => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    public override string Repr() => $"datetime.date({date.Year}, {date.Month}, {date.Day})";

    public override bool ValueEquals(object? other) => other is PythonDate day && day.Value == date;

    public override int ValueHash() => date.GetHashCode();
}

/// <summary>A moment of Python. Those with the kind UTC print their zone.</summary>
internal sealed class PythonDateTime(DateTime time) : JinjaObject
{
    public DateTime Value => time;

    public override string TypeName => "datetime";

    public override bool TryGetAttribute(string name, out object? value) => TryGet(time, isDate: false, name, out value);

    public override string Print() => Iso(time, ' ');

    public override string Repr() => $"datetime.datetime({time.Year}, {time.Month}, {time.Day}, {time.Hour}, {time.Minute}{(time.Second > 0 ? $", {time.Second}" : "")})";

    public override bool ValueEquals(object? other) => other is PythonDateTime moment && moment.Value == time;

    public override int ValueHash() => time.GetHashCode();

    /// <summary><c>modules.datetime</c>.</summary>
    public static JinjaObject Module { get; } = new TemplateObject("modules.datetime")
        .Add("datetime", new Constructor("modules.datetime.datetime", "datetime year month day hour? minute? second?",
            a => new PythonDateTime(new DateTime(a.Int(0), a.Int(1), a.Int(2), a.Int(3, 0), a.Int(4, 0), a.Int(5, 0), DateTimeKind.Unspecified)))
            .Method("now", _ => new PythonDateTime(DateTime.SpecifyKind(DateTime.Now, DateTimeKind.Unspecified)))
            .Method("today", _ => new PythonDateTime(DateTime.SpecifyKind(DateTime.Now, DateTimeKind.Unspecified)))
            .Method("utcnow", _ => new PythonDateTime(DateTime.SpecifyKind(DateTime.UtcNow, DateTimeKind.Unspecified)))
            .Method("fromisoformat text", a => new PythonDateTime(Parse(a.Text(0), "yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-dd HH:mm:ss.FFFFFF", "yyyy-MM-ddTHH:mm:ss.FFFFFF")))
            .Method("strptime text format", a => new PythonDateTime(Parse(a.Text(0), NetFormat(a.Text(1))))))
        .Add("date", new Constructor("modules.datetime.date", "date year month day", a => new PythonDate(new DateOnly(a.Int(0), a.Int(1), a.Int(2))))
            .Method("today", _ => new PythonDate(DateOnly.FromDateTime(DateTime.Now)))
            .Method("fromisoformat text", a => new PythonDate(DateOnly.FromDateTime(Parse(a.Text(0), "yyyy-MM-dd")))));

    public static bool TryGet(DateTime time, bool isDate, string name, out object? value)
    {
        value = name switch
        {
            "year" => (long)time.Year,
            "month" => (long)time.Month,
            "day" => (long)time.Day,
            "hour" when !isDate => (long)time.Hour,
            "minute" when !isDate => (long)time.Minute,
            "second" when !isDate => (long)time.Second,
            "microsecond" when !isDate => (time.Ticks % TimeSpan.TicksPerSecond) / 10,
            "strftime" => new JinjaFunction(name, Signature.Of("strftime format", (_, a) => Format(time, a.Text(0)))),
            "isoformat" => new JinjaFunction(name, _ => isDate ? time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) : Iso(time, 'T')),
            "date" when !isDate => new JinjaFunction(name, _ => new PythonDate(DateOnly.FromDateTime(time))),
            "weekday" => new JinjaFunction(name, _ => (long)(((int)time.DayOfWeek + 6) % 7)),
            "isoweekday" => new JinjaFunction(name, _ => (long)(((int)time.DayOfWeek + 6) % 7) + 1),
            "timestamp" when !isDate => new JinjaFunction(name, _ => (DateTime.SpecifyKind(time, DateTimeKind.Utc) - DateTime.UnixEpoch).TotalSeconds),
            _ => throw TemplateObject.Unsupported($"'{name}' of a {(isDate ? "date" : "datetime")}"),
        };
        return true;
    }

    private static string Iso(DateTime time, char between)
    {
        var ticks = time.Ticks % TimeSpan.TicksPerSecond;
        return time.ToString($"yyyy-MM-dd'{between}'HH:mm:ss", CultureInfo.InvariantCulture)
            + (ticks == 0 ? "" : time.ToString(".ffffff", CultureInfo.InvariantCulture)) + (time.Kind == DateTimeKind.Utc ? "+00:00" : "");
    }

    private static string Format(DateTime time, string format)
    {
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length) text.Append(format[i]);
            else if (format[++i] == '%') text.Append('%');
            else text.Append(time.ToString(Part(format[i]), CultureInfo.InvariantCulture));
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
