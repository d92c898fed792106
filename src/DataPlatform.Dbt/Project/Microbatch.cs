using System.Globalization;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>The rows from one moment on until before another, in UTC: a part of a microbatch model, or a sample of its inputs.</summary>
internal sealed record Batch(DateTime Start, DateTime End)
{
    /// <summary>The start as compared with in SQL.</summary>
    public string StartText => Text(Start, ' ');

    public string EndText => Text(End, ' ');

    /// <summary>What this and another have in common.</summary>
    public Batch Within(Batch? other) => other is null ? this : new Batch(Start > other.Start ? Start : other.Start, End < other.End ? End : other.End);

    /// <summary>Both as artifacts and <c>model.batch</c> have them.</summary>
    public (string Start, string End) Iso => (Text(Start, 'T'), Text(End, 'T'));

    private static string Text(DateTime time, char between) => new PythonDateTime(DateTime.SpecifyKind(time, DateTimeKind.Utc)).Print().Replace(' ', between);
}

/// <summary>What became of the batches of a model.</summary>
internal sealed record BatchResults(IReadOnlyList<Batch> Successful, IReadOnlyList<Batch> Failed);

/// <summary>Models with the incremental strategy microbatch: which batches there are by their configuration.</summary>
internal sealed class Microbatch
{
    private const string Hour = "hour", Day = "day", Month = "month", Year = "year";

    private static readonly string[] Sizes = [Hour, Day, Month, Year];

    private static readonly string[] TimeFormats = ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    private readonly string _size;
    private readonly DateTime _begin;
    private readonly int _lookback;

    private Microbatch(string size, DateTime begin, int lookback) => (_size, _begin, _lookback) = (size, begin, lookback);

    /// <summary>Reads the configuration of a model.</summary>
    /// <exception cref="TemplateError">It is incomplete or wrong.</exception>
    public static Microbatch Read(DbtNode node)
    {
        var config = node.Config;
        if (config["event_time"] is not string) throw Wrong("an 'event_time' (text) config: the column that says when a row happened", config["event_time"]);
        var begin = config["begin"] switch
        {
            null => throw Wrong("a 'begin' (datetime) config: the earliest moment that the model is built from", null),
            PythonDateTime moment => moment.Value,
            PythonDate date => date.Value.ToDateTime(TimeOnly.MinValue),
            var written => ReadTime(Representation.Print(written)) ?? throw Wrong("a 'begin' config that is a moment in ISO format, such as 2024-01-01 or 2024-01-01T06:00:00", written),
        };
        if (config["batch_size"] is not string size || !Sizes.Contains(size)) throw Wrong($"a 'batch_size' config, one of {string.Join(", ", Sizes)}", config["batch_size"]);
        if (config["lookback"] is not (null or >= 0L)) throw Wrong("a 'lookback' config that is a whole number, zero or more, when it has one", config["lookback"]);
        if (config["concurrent_batches"] is not (null or bool)) throw Wrong("a 'concurrent_batches' config that is true or false, when it has one", config["concurrent_batches"]);
        return new Microbatch(size, begin, (int)(config["lookback"] as long? ?? 1));

        TemplateError Wrong(string wanted, object? found) => new($"Microbatch model '{node.Name}' must provide {wanted}{(found is null ? "" : $", and not {Representation.Of(found)}")}.");
    }

    /// <summary>A moment as Python's <c>fromisoformat</c> reads it, or null. Clocks are taken to show UTC, whatever zone is written.</summary>
    public static DateTime? ReadTime(string text) =>
        DateTimeOffset.TryParseExact(text.Trim().Replace(' ', 'T'), TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time.DateTime : null;

    /// <summary>Reads what <c>--sample</c> takes: how far to look back (3 days), or a map with start and end. Null when it is neither.</summary>
    public static Batch? ReadSample(string text, DateTime now)
    {
        if (text.TrimStart().StartsWith('{'))
        {
            return YamlItem.Parse(text, "--sample") is { IsMap: true } map && map["start"] is { } first && map["end"] is { } last && ReadTime(first.Text) is { } from && ReadTime(last.Text) is { } until && from < until
                ? new Batch(from, until) : null;
        }

        return text.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var count, var grain] && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && Array.Find(Sizes, size => grain.Equals(size, StringComparison.OrdinalIgnoreCase) || grain.Equals($"{size}s", StringComparison.OrdinalIgnoreCase)) is { } found
            ? new Batch(new Microbatch(found, now, 0).Add(now, -number), now) : null;
    }

    /// <summary>What a batch is called: its start.</summary>
    public string Name(Batch batch) => batch.Start.ToString(_size == Hour ? "yyyy-MM-dd'T'HH" : "yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <param name="isIncremental">Whether there is a table that is added to.</param>
    /// <param name="from">The first moment that was asked for, or null.</param>
    /// <param name="until">The moment that was asked for as the end, or null.</param>
    /// <param name="now">The moment of the run.</param>
    public List<Batch> Find(bool isIncremental, DateTime? from, DateTime? until, DateTime now)
    {
        var end = until ?? now;
        if (Truncate(end) != end) end = Add(end, 1);
        // An end between two batches is the end of the one before it, which is the last and not among those looked back at.
        var start = from is { } asked ? Truncate(asked) : isIncremental ? Add(end, -(_lookback + 1)) : Truncate(_begin);
        return Split(new Batch(start, end));
    }

    /// <summary>The batches of a time that begins and ends with one.</summary>
    public List<Batch> Split(Batch time)
    {
        var batches = new List<Batch>();
        for (var next = time.Start; batches.Count == 0 || next < time.End; next = batches[^1].End) batches.Add(new Batch(next, Add(next, 1)));
        batches[^1] = batches[^1] with { End = time.End };
        return batches;
    }

    private DateTime Truncate(DateTime time) => _size switch
    {
        Hour => time.Date.AddHours(time.Hour),
        Day => time.Date,
        Month => new DateTime(time.Year, time.Month, 1),
        _ => new DateTime(time.Year, 1, 1),
    };

    private DateTime Add(DateTime time, int batches) => _size switch
    {
        Hour => Truncate(time).AddHours(batches),
        Day => Truncate(time).AddDays(batches),
        Month => Truncate(time).AddMonths(batches),
        _ => Truncate(time).AddYears(batches),
    };
}
