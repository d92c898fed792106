using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ReferencePipeline.Inbox;

namespace DataPlatform.Samples.Tests;

public sealed class InboxTests
{
    private static readonly DemoOptions Demo = new() { Seed = 42, FirstDay = new DateOnly(2026, 4, 1), TripsPerDay = 300 };

    [Fact]
    public async Task The_same_seed_gives_the_same_files_on_every_machine()
    {
        var files = await ReadAsync(Demo, days: 10);

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, content) in files.Where(file => !file.Key.EndsWith(".parquet", StringComparison.Ordinal)))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(key));
            hash.AppendData(content);
        }

        Convert.ToHexStringLower(hash.GetHashAndReset()).Should().Be("241c045c52053e78631ab5a0545faca187ef3ee0e58c45784fb8a7f7d0edb28b");
    }

    [Fact]
    public async Task A_later_date_only_adds_files()
    {
        var short_ = await ReadAsync(Demo, days: 3);
        var long_ = await ReadAsync(Demo, days: 5);

        long_.Keys.Except(short_.Keys).Should().BeEquivalentTo(
            "inbox/trips-2026-04-04.csv", "inbox/weather-2026-04-04.jsonl", "inbox/trips-2026-04-05.csv", "inbox/weather-2026-04-05.jsonl");
        foreach (var (key, content) in short_) long_[key].Should().Equal(content, key);
    }

    [Fact]
    public async Task Another_seed_gives_another_city()
    {
        var other = await ReadAsync(new DemoOptions { Seed = 43, FirstDay = Demo.FirstDay, TripsPerDay = Demo.TripsPerDay }, days: 1);

        other["inbox/trips-2026-04-01.csv"].Should().NotEqual((await ReadAsync(Demo, days: 1))["inbox/trips-2026-04-01.csv"]);
    }

    [Fact]
    public async Task Trips_come_late_again_and_broken()
    {
        var files = await ReadAsync(Demo, days: 20);
        var lines = files.Where(file => file.Key.Contains("trips", StringComparison.Ordinal))
            .SelectMany(file => Lines(file.Value).Skip(1).Select(line => (Day: file.Key[12..22], Line: line))).ToList();

        lines.Should().HaveCountGreaterThan(5000);
        lines.Count(row => !row.Line.Contains($",{row.Day} ", StringComparison.Ordinal)).Should().BeInRange(60, 200, "some trips come a day late");
        var ids = lines.Select(row => row.Line.Split(',')[0]).Where(id => id.Length > 0).ToList();
        (ids.Count - ids.Distinct().Count()).Should().BeInRange(30, 120, "some trips come again");
        lines.Count(row => row.Line.StartsWith(',')).Should().BePositive("some have no id");
        lines.Count(row => row.Line.Contains(",unknown,", StringComparison.Ordinal)).Should().BePositive("some come from no station");
        lines.Count(row => row.Line.Contains(",still out,", StringComparison.Ordinal)).Should().BePositive("some have no end");
        lines.Count(row => row.Line.Split(',').Length < 6).Should().BePositive("some are cut off");
        lines.Count(row => row.Line.Contains("\"Łąkowa, North Gate\"", StringComparison.Ordinal)).Should().BePositive("some names have commas and letters of other alphabets");
    }

    [Fact]
    public async Task Weather_is_forecast_for_the_next_day_and_observed_on_it()
    {
        var files = await ReadAsync(Demo, days: 2);

        var hours = Lines(files["inbox/weather-2026-04-01.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement).ToList();

        hours.Select(hour => hour.GetProperty("kind").GetString()).Should().Equal(Enumerable.Repeat("observed", 24).Concat(Enumerable.Repeat("forecast", 24)));
        hours.Select(hour => hour.GetProperty("hour").GetDateTime()).Should().Equal(Enumerable.Range(0, 48).Select(h => new DateTime(2026, 4, 1).AddHours(h)));
    }

    [Fact]
    public void Demand_follows_the_hour_the_weekday_and_the_rain()
    {
        var city = new City(seed: 42, tripsPerDay: 2000);
        var days = Enumerable.Range(0, 60).Select(Demo.FirstDay.AddDays).ToList();
        var trips = days.SelectMany(city.Ride).ToLookup(trip => (Weekend: trip.StartedAt.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday, trip.StartedAt.Hour));
        var weekends = days.Count(day => day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday);

        double PerDay(bool weekend, int hour) => (double)trips[(weekend, hour)].Count() / (weekend ? weekends : days.Count - weekends);
        PerDay(weekend: false, 8).Should().BeGreaterThan(3 * PerDay(weekend: true, 8) / 2, "people go to work");
        PerDay(weekend: true, 13).Should().BeGreaterThan(PerDay(weekend: false, 13), "people have time at noon on weekends");
        PerDay(weekend: false, 17).Should().BeGreaterThan(5 * PerDay(weekend: false, 3));

        var wet = days.SelectMany(city.Observe).Where(hour => hour.Hour.Hour == 17 && hour.PrecipitationMm > 0).Select(hour => DateOnly.FromDateTime(hour.Hour)).ToHashSet();
        double AtFive(Func<DateOnly, bool> which) => days.Where(which).Average(day => city.Ride(day).Count(trip => trip.StartedAt.Hour == 17));
        AtFive(wet.Contains).Should().BeLessThan(0.7 * AtFive(day => !wet.Contains(day)));
    }

    private static string[] Lines(byte[] content) => Encoding.UTF8.GetString(content).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static async Task<SortedDictionary<string, byte[]>> ReadAsync(DemoOptions demo, int days)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var file in WriteInbox.Files(demo, demo.FirstDay.AddDays(days - 1)))
        {
            using var content = new MemoryStream();
            await file.WriteAsync(content);
            files.Add(file.Key, content.ToArray());
        }

        return files;
    }
}
