using System.Globalization;
using System.Text;
using System.Text.Json;
using Parquet;
using Parquet.Schema;

namespace ReferencePipeline.Inbox;

/// <summary>
/// The files that the city's systems drop: tidy for the most part, with what makes real ones hard: trips that arrive a day late,
/// trips that come again corrected, and rows that are broken.
/// </summary>
internal sealed class InboxFiles(int seed, City city, DateOnly firstDay)
{
    /// <summary>The stations, one file for good.</summary>
    public static InboxFile StationsFile() => new("inbox/stations.parquet", "application/vnd.apache.parquet", WriteStationsAsync);

    /// <summary>The trips that arrived on a day.</summary>
    public InboxFile TripsFile(DateOnly day) =>
        new($"inbox/trips-{day:yyyy-MM-dd}.csv", "text/csv", content => WriteTextAsync(content, TripLines(day)));

    /// <summary>The weather observed on a day and forecast for the next.</summary>
    public InboxFile WeatherFile(DateOnly day) =>
        new($"inbox/weather-{day:yyyy-MM-dd}.jsonl", "application/jsonl", content => WriteTextAsync(content, WeatherLines(day)));

    private IEnumerable<string> TripLines(DateOnly day)
    {
        yield return "trip_id,bike_type,started_at,ended_at,start_station_id,start_station,end_station_id,end_station,rider,fare";
        var mishaps = Dice.For(seed, day.DayNumber, purpose: 7);
        foreach (var trip in Arrivals(day))
        {
            yield return mishaps.Chance(5) ? Broken(trip, ref mishaps) : Line(trip);
        }
    }

    private IEnumerable<Trip> Arrivals(DateOnly day)
    {
        if (day > firstDay)
        {
            foreach (var (trip, fate) in Fates(day.AddDays(-1)))
            {
                if (fate == Fate.Late) yield return trip;
                if (fate == Fate.Corrected) yield return Corrected(trip);
            }
        }

        foreach (var (trip, fate) in Fates(day))
        {
            if (fate != Fate.Late) yield return trip;
            if (fate == Fate.Repeated) yield return Corrected(trip);
        }
    }

    private IEnumerable<(Trip Trip, Fate Fate)> Fates(DateOnly day)
    {
        var dice = Dice.For(seed, day.DayNumber, purpose: 6);
        foreach (var trip in city.Ride(day))
        {
            yield return (trip, dice.Next(1000) switch { < 12 => Fate.Late, < 18 => Fate.Corrected, < 22 => Fate.Repeated, _ => Fate.Usual });
        }
    }

    private static Trip Corrected(Trip trip) => trip with { EndedAt = trip.EndedAt.AddMinutes(-1), Fare = trip.Fare / 2 };

    private static string Broken(Trip trip, ref Dice mishaps)
    {
        var line = Line(trip);
        return mishaps.Next(7) switch
        {
            0 => line[(line.IndexOf(',', StringComparison.Ordinal))..],
            1 => line.Replace($",{trip.StartStationId},", ",unknown,", StringComparison.Ordinal),
            2 => line.Replace(Text(trip.EndedAt), "still out", StringComparison.Ordinal),
            3 => line[..line.LastIndexOf(',')] + $",\"{trip.Fare.ToString(CultureInfo.InvariantCulture).Replace('.', ',')}\"",
            4 => line[..line.IndexOf($",{trip.StartStationId},", StringComparison.Ordinal)],
            5 => Line(trip with { StartedAt = trip.EndedAt, EndedAt = trip.StartedAt }),
            _ => Line(trip with { Fare = -1 - trip.Fare }),
        };
    }

    private static string Line(Trip trip) => string.Create(
        CultureInfo.InvariantCulture,
        $"{trip.TripId},{trip.BikeType},{Text(trip.StartedAt)},{Text(trip.EndedAt)},{trip.StartStationId},{Quote(trip.StartStation)},{trip.EndStationId},{Quote(trip.EndStation)},{trip.Rider},{trip.Fare:0.00}");

    private static string Text(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static string Quote(string text) =>
        text.AsSpan().ContainsAny(',', '"') ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;

    private IEnumerable<string> WeatherLines(DateOnly day)
    {
        var mishaps = Dice.For(seed, day.DayNumber, purpose: 8);
        var lost = day > firstDay && mishaps.Chance(250) ? mishaps.Next(24) : -1;
        return city.Observe(day).Concat(city.Forecast(day.AddDays(1))).Select((hour, i) => JsonSerializer.Serialize(new
        {
            hour = hour.Hour,
            temperature_c = i == lost ? "sensor fault" : (object)hour.TemperatureC,
            precipitation_mm = hour.PrecipitationMm,
            wind_kph = hour.WindKph,
            kind = hour.Kind,
        }));
    }

    private static async Task WriteTextAsync(Stream content, IEnumerable<string> lines)
    {
        await using var writer = new StreamWriter(content, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\n" };
        foreach (var line in lines) await writer.WriteLineAsync(line);
    }

    private static async Task WriteStationsAsync(Stream content)
    {
        var stations = City.Stations;
        DataField<int> id = new("station_id"), capacity = new("capacity");
        DataField<string> name = new("name"), district = new("district");
        DecimalDataField latitude = new("latitude", 9, 6), longitude = new("longitude", 9, 6);
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(id, name, district, capacity, latitude, longitude), content);
        using var rows = writer.CreateRowGroup();
        await rows.WriteAsync<int>(id, stations.Select(s => s.StationId).ToArray());
        await rows.WriteAsync(name, stations.Select(s => s.Name).ToArray());
        await rows.WriteAsync(district, stations.Select(s => s.District).ToArray());
        await rows.WriteAsync<int>(capacity, stations.Select(s => s.Capacity).ToArray());
        await rows.WriteAsync<decimal>(latitude, stations.Select(s => s.Latitude).ToArray());
        await rows.WriteAsync<decimal>(longitude, stations.Select(s => s.Longitude).ToArray());
    }

    private enum Fate
    {
        Usual,
        Late,
        Corrected,
        Repeated,
    }
}

/// <summary>A file of the inbox: where it belongs and how its content is written.</summary>
internal sealed record InboxFile(string Key, string ContentType, Func<Stream, Task> WriteAsync);
