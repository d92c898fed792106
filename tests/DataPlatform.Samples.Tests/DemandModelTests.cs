using DataPlatform.MLOps;
using DataPlatform.Warehouses;
using ReferencePipeline.Inbox;
using ReferencePipeline.Model;

namespace DataPlatform.Samples.Tests;

public sealed class DemandModelTests
{
    private static readonly DateOnly FirstDay = new(2026, 4, 1);

    [Fact]
    public async Task It_beats_the_week_before()
    {
        var model = await TrainAsync(Features(days: 30));

        model.Metrics["mae"].Should().BeLessThan(0.75 * model.Metrics["mae_last_week"]);
        model.Metrics["r2"].Should().BeGreaterThan(0.7);
    }

    [Fact]
    public async Task The_same_rows_give_the_same_forecast()
    {
        var rows = Features(days: 12);
        var hours = rows.Where(row => row.Hour >= FirstDay.AddDays(11).ToDateTime(TimeOnly.MinValue)).ToList();

        var first = await ScoreAsync(await TrainAsync(rows), hours);
        var second = await ScoreAsync(await TrainAsync(rows), hours);

        first.Should().HaveCount(240).And.Equal(second);
        first.Should().OnlyContain(forecast => forecast.PredictedTrips >= 0 && forecast.PredictedTrips.Scale <= 2);
    }

    [Fact]
    public async Task One_day_is_too_little_to_learn_from()
    {
        var training = () => TrainAsync(Features(days: 2));

        (await training.Should().ThrowAsync<DataPlatformException>()).Which.FailureClass.Should().Be(FailureClass.Data);
    }

    private static async Task<TrainedModel> TrainAsync(IReadOnlyList<DemandFeatures> rows)
    {
        var context = new TrainingContext("demand-model", _ => new[] { RecordMapper.For<DemandFeatures>().ToBatch(rows) }.ToAsyncEnumerable(), FirstDay);
        return await new DemandTrainer().TrainAsync(context, CancellationToken.None);
    }

    private static async Task<IReadOnlyList<DemandForecast>> ScoreAsync(TrainedModel model, IReadOnlyList<DemandFeatures> hours)
    {
        using var artifact = new MemoryStream();
        await model.WriteAsync(artifact, CancellationToken.None);
        artifact.Position = 0;
        var scorer = new DemandScorer();
        var version = new ModelVersion
        {
            Model = "demand-model",
            Version = 1,
            Stage = ModelStage.None,
            Aliases = [],
            ArtifactSha256 = "",
            ArtifactSize = artifact.Length,
            CreatedAt = DateTimeOffset.UnixEpoch,
        };
        await scorer.LoadAsync(artifact, version, CancellationToken.None);
        using var scored = scorer.Score(RecordMapper.For<DemandFeatures>().ToBatch(hours));
        return RecordMapper.For<DemandForecast>().FromBatch(scored);
    }

    /// <summary>What the SQL of the sample makes, made from the city itself.</summary>
    private static List<DemandFeatures> Features(int days)
    {
        var city = new City(seed: 42, tripsPerDay: 2000);
        var demand = Enumerable.Range(0, days).SelectMany(day => city.Ride(FirstDay.AddDays(day)))
            .GroupBy(trip => (trip.StartStationId, Hour: trip.StartedAt.Date.AddHours(trip.StartedAt.Hour))).ToDictionary(hour => hour.Key, hour => hour.Count());
        int At(int station, DateTime hour) => demand.GetValueOrDefault((station, hour));
        (int Trips, int Days) Usual(int station, DateTime hour)
        {
            var before = Enumerable.Range(1, 14).Select(days => hour.AddDays(-days))
                .Where(then => then >= FirstDay.ToDateTime(TimeOnly.MinValue) && IsWeekend(then) == IsWeekend(hour)).Take(10).ToList();
            return (before.Sum(then => At(station, then)), before.Count);
        }

        return
        [
            .. from day in Enumerable.Range(1, days - 1)
               from weather in city.Observe(FirstDay.AddDays(day))
               from station in City.Stations
               let yesterday = At(station.StationId, weather.Hour.AddDays(-1))
               let usual = Usual(station.StationId, weather.Hour)
               select new DemandFeatures(
                   station.StationId, weather.Hour, weather.Hour.Hour, ((int)weather.Hour.DayOfWeek + 6) % 7 + 1, weather.TemperatureC, weather.PrecipitationMm,
                   weather.WindKph, yesterday, day < 7 ? yesterday : At(station.StationId, weather.Hour.AddDays(-7)), usual.Trips, usual.Days, At(station.StationId, weather.Hour)),
        ];
    }

    private static bool IsWeekend(DateTime day) => day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday;
}
