namespace ReferencePipeline.Inbox;

/// <summary>
/// A city whose people ride bikes to work, home and out into the sun: stations, weather and trips, each a function of the seed and the day alone.
/// Demand follows the hour, the weekday, the weather and the kind of quarter, which is what the model has to find out.
/// </summary>
internal sealed class City(int seed, int tripsPerDay)
{
    private const int TenthsOfDegree = 10;

    /// <summary>The trips of an average dry working day are this many parts per quarter and hour; see <see cref="Demand"/>.</summary>
    private const int PartsOfADay = 270_000;

    private static readonly Quarter Homes = new("Residential",
        [2, 1, 1, 1, 3, 12, 45, 90, 80, 35, 22, 22, 25, 24, 24, 28, 36, 44, 40, 30, 22, 16, 10, 5],
        [6, 4, 3, 2, 2, 4, 9, 16, 28, 40, 48, 52, 54, 52, 48, 46, 42, 38, 32, 26, 20, 16, 12, 8]);

    private static readonly Quarter Offices = new("Business",
        [1, 1, 0, 0, 1, 3, 8, 20, 26, 22, 26, 40, 56, 44, 32, 44, 78, 110, 82, 40, 22, 14, 8, 3],
        [3, 2, 1, 1, 1, 2, 4, 6, 9, 14, 18, 22, 24, 22, 20, 18, 16, 14, 12, 9, 8, 6, 5, 4]);

    private static readonly Quarter Leisure = new("Waterfront",
        [3, 2, 1, 0, 0, 2, 5, 9, 12, 16, 22, 30, 36, 38, 38, 40, 46, 56, 62, 56, 42, 30, 18, 8],
        [10, 8, 5, 2, 1, 2, 4, 8, 18, 38, 62, 84, 98, 104, 102, 96, 86, 74, 62, 50, 38, 28, 20, 14]);

    private static readonly Place[] Places =
    [
        new(Homes, 100, 0, 4, "Łąkowa, North Gate", 24), new(Homes, 80, 9, 9, "Linden Row", 20), new(Homes, 65, 1, 12, "Þórsgata", 16),
        new(Homes, 50, 13, 3, "Mill Hill", 16), new(Offices, 120, 6, 6, "Central Station", 40), new(Offices, 95, 7, 5, "Exchange Square, West", 32),
        new(Offices, 60, 4, 7, "City Hall", 24), new(Leisure, 90, 11, 12, "Old Harbour", 32), new(Leisure, 70, 12, 14, "Plaça del Mar", 28),
        new(Leisure, 45, 3, 1, "\"The Green\", Park Lane", 20),
    ];

    private static readonly int[] MeanTemperature = [20, 32, 68, 112, 158, 192, 214, 208, 168, 116, 66, 30];
    private static readonly int[] TemperatureByHour = [-28, -34, -38, -42, -44, -42, -34, -22, -8, 6, 18, 28, 36, 42, 44, 42, 36, 28, 18, 8, -2, -10, -18, -24];

    /// <summary>All stations.</summary>
    public static IReadOnlyList<Station> Stations { get; } =
    [
        .. Places.Select((place, i) => new Station(
            101 + i, place.Name, place.Quarter.Name, place.Capacity, 52.36m + place.Y * 0.0018m, 4.88m + place.X * 0.0029m)),
    ];

    /// <summary>The weather of a day, hour by hour.</summary>
    public IReadOnlyList<Weather> Observe(DateOnly day)
    {
        var dice = Dice.For(seed, day.DayNumber, purpose: 1);
        var (rainFrom, rainHours) = dice.Chance(380) ? (dice.Next(20), dice.Between(2, 9)) : (24, 0);
        var rain = dice.Between(3, 34);
        return
        [
            .. Enumerable.Range(0, 24).Select(hour => new Weather(
                day.ToDateTime(new TimeOnly(hour, 0)),
                (SeasonOf(day) + Drift(day, hour, 2, 60) + TemperatureByHour[hour] - (hour >= rainFrom && hour < rainFrom + rainHours ? 15 : 0)) * 0.1m,
                hour >= rainFrom && hour < rainFrom + rainHours ? (rain + dice.Next(9)) * 0.1m : 0.0m,
                14 + Drift(day, hour, 3, 110) / TenthsOfDegree + dice.Next(4),
                "observed")),
        ];
    }

    /// <summary>What the day's weather was expected to be the day before: right in its course, off by a little.</summary>
    public IReadOnlyList<Weather> Forecast(DateOnly day)
    {
        var dice = Dice.For(seed, day.DayNumber, purpose: 4);
        return
        [
            .. Observe(day).Select(hour => hour with
            {
                TemperatureC = hour.TemperatureC + dice.Between(-9, 9) * 0.1m,
                Kind = "forecast",
            }),
        ];
    }

    /// <summary>The trips that began on a day, in the order they began.</summary>
    public IReadOnlyList<Trip> Ride(DateOnly day)
    {
        var dice = Dice.For(seed, day.DayNumber, purpose: 5);
        var cumulated = Cumulate(day);
        var count = (int)((long)cumulated[^1] * tripsPerDay / PartsOfADay);
        var starts = new (int Second, int Station)[count];
        for (var i = 0; i < count; i++)
        {
            var cell = Find(cumulated, dice.Next(cumulated[^1]));
            starts[i] = (cell / Places.Length * 3600 + dice.Next(3600), cell % Places.Length);
        }

        Array.Sort(starts);
        return [.. starts.Select((start, i) => Ride(day, i, start.Second, start.Station, ref dice))];
    }

    private static Trip Ride(DateOnly day, int number, int second, int from, ref Dice dice)
    {
        var to = dice.Next(Places.Length);
        var electric = dice.Chance(350);
        var member = dice.Chance(Places[from].Quarter == Leisure ? 480 : 820);
        var hundredMetres = 3 * (Math.Abs(Places[from].X - Places[to].X) + Math.Abs(Places[from].Y - Places[to].Y));
        var seconds = 90 + hundredMetres * (electric ? 18 : 24) + dice.Between(0, member ? 240 : 900) + (from == to ? 900 : 0);
        var started = day.ToDateTime(TimeOnly.MinValue).AddSeconds(second);
        var cents = (member ? 0 : 100) + (seconds + 59) / 60 * (electric ? 12 : member ? 0 : 8);
        return new Trip(
            day.DayNumber * 100_000L + number, electric ? "electric" : "classic", started, started.AddSeconds(seconds),
            Stations[from].StationId, Stations[from].Name, Stations[to].StationId, Stations[to].Name,
            member ? "member" : "casual", cents * 0.01m);
    }

    /// <summary>Running sums of the demand of each hour and station, hours outermost.</summary>
    private int[] Cumulate(DateOnly day)
    {
        var weekend = day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday;
        var weather = Observe(day);
        var cumulated = new int[24 * Places.Length];
        var sum = 0;
        for (var cell = 0; cell < cumulated.Length; cell++)
        {
            var hour = cell / Places.Length;
            cumulated[cell] = sum += Demand(Places[cell % Places.Length], hour, weekend, weather[hour]);
        }

        return cumulated;
    }

    private static int Demand(Place place, int hour, bool weekend, Weather weather)
    {
        var degrees = (int)(weather.TemperatureC * TenthsOfDegree);
        var warmth = Math.Clamp(420 + degrees * 4, 250, 1250);
        var dryness = weather.PrecipitationMm == 0 ? 1000 : Math.Max(250, 700 - (int)(weather.PrecipitationMm * 110));
        var stillness = 1000 - Math.Max(0, weather.WindKph - 18) * 18;
        var usual = place.Size * (weekend ? place.Quarter.Weekend : place.Quarter.Workday)[hour];
        return (int)(usual * (long)warmth / 1000 * dryness / 1000 * stillness / 1000) * 2 / 3;
    }

    private static int Find(int[] cumulated, int value)
    {
        var at = Array.BinarySearch(cumulated, value + 1);
        if (at < 0) return ~at;
        while (at > 0 && cumulated[at - 1] == value + 1) at--;
        return at;
    }

    /// <summary>The mean temperature of the time of the year, in tenths of a degree.</summary>
    private static int SeasonOf(DateOnly day)
    {
        var middle = day.Day - 15;
        var other = MeanTemperature[(day.Month - 1 + (middle < 0 ? 11 : 1)) % 12];
        return MeanTemperature[day.Month - 1] + (other - MeanTemperature[day.Month - 1]) * Math.Abs(middle) / 30;
    }

    /// <summary>Noise that changes slowly: straight lines between random points two days apart.</summary>
    private int Drift(DateOnly day, int hour, int purpose, int reach)
    {
        int Point(int at) => Dice.For(seed, at, purpose).Between(-reach, reach);
        var hours = day.DayNumber % 2 * 24 + hour;
        return (Point(day.DayNumber / 2) * (48 - hours) + Point(day.DayNumber / 2 + 1) * hours) / 48;
    }

    private sealed record Quarter(string Name, int[] Workday, int[] Weekend);

    private sealed record Place(Quarter Quarter, int Size, int X, int Y, string Name, int Capacity);
}
