using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DataPlatform.Ledger;
using DataPlatform.MLOps;
using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Integration.Tests.MLOps;

/// <summary>What the embedded registry, training and scoring promise on whatever warehouse and object store.</summary>
public abstract class ModelConformance : IAsyncLifetime
{
    private readonly MeanTrainer _trainer = new();
    private IWarehouse _warehouse = null!;
    private IObjectStore _store = null!;
    private RunLedgers _ledgers = null!;
    private EmbeddedModelRegistry _registry = null!;
    private ServiceProvider _services = null!;

    protected abstract Task<IWarehouse> OpenWarehouseAsync();

    protected abstract Task<IObjectStore> OpenObjectStoreAsync();

    public async ValueTask InitializeAsync()
    {
        _warehouse = await OpenWarehouseAsync();
        _store = await OpenObjectStoreAsync();
        _ledgers = new RunLedgers(_warehouse);
        _registry = new EmbeddedModelRegistry("models", _store, _ledgers.Primary);
        _services = new ServiceCollection()
            .AddKeyedSingleton(_warehouse.Name, _warehouse).AddSingleton<IModelRegistry>(_registry).AddSingleton(_trainer).BuildServiceProvider();
        await ExecuteAsync("CREATE SCHEMA marts");
        await ExecuteAsync("CREATE TABLE marts.demand (station text, hour timestamp, trips double precision, _load_id bigint)");
        await AddDemandAsync("('Bryggen', TIMESTAMP '2026-03-01 08:00:00', 4, 1), ('Nordnes', TIMESTAMP '2026-03-01 08:00:00', 8, 1)");
    }

    public virtual async ValueTask DisposeAsync()
    {
        await _ledgers.DisposeAsync();
        await _services.DisposeAsync();
        await _warehouse.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_registered_version_comes_back_with_all_that_was_told_of_it()
    {
        var info = new ModelVersionInfo
        {
            Description = "first",
            Metrics = new Dictionary<string, double> { ["rmse"] = 3.25, ["odd"] = double.NaN, ["far"] = double.PositiveInfinity },
            Params = new Dictionary<string, string> { ["trees"] = "100" },
            Tags = new Dictionary<string, string> { ["team"] = "bikes \"x\"" },
            GitCommit = "abc123",
            RunId = "run-1",
            DataFingerprint = "f00d",
        };
        var registered = await RegisterAsync("weights", info);
        var found = await _registry.FindAsync("demand-model/1");

        found.Should().BeEquivalentTo(registered, options => options.Using<DateTimeOffset>(c => c.Subject.Should().BeCloseTo(c.Expectation, TimeSpan.FromMilliseconds(1))).WhenTypeIs<DateTimeOffset>());
        found.Should().BeEquivalentTo(info);
        found.Should().BeEquivalentTo(new
        {
            Model = "demand-model",
            Version = 1,
            Stage = ModelStage.None,
            ArtifactSize = 7L,
            ArtifactSha256 = Convert.ToHexStringLower(SHA256.HashData("weights"u8)),
        });
        (await ReadArtifactAsync(found!)).Should().Be("weights");
        (await _registry.ListModelsAsync()).Should().Equal("demand-model");
        (await AuditAsync()).Should().BeEquivalentTo(new[] { ("model.register", "demand-model/1", "run-1") });
    }

    [Fact]
    public async Task Versions_count_up_and_the_same_artifact_of_the_same_data_is_the_same_version()
    {
        var first = await RegisterAsync("a", new ModelVersionInfo { DataFingerprint = "1" });
        var second = await RegisterAsync("b", new ModelVersionInfo { DataFingerprint = "1" });
        var sameArtifactOtherData = await RegisterAsync("a", new ModelVersionInfo { DataFingerprint = "2" });
        var again = await RegisterAsync("a", new ModelVersionInfo { DataFingerprint = "1", Description = "ignored" });
        var otherModel = await _registry.RegisterAsync("other", Bytes("a"), new ModelVersionInfo { DataFingerprint = "1" });

        new[] { first, second, sameArtifactOtherData, again, otherModel }.Select(version => version.ToString())
            .Should().Equal("demand-model/1", "demand-model/2", "demand-model/3", "demand-model/1", "other/1");
        (await _registry.ListVersionsAsync("demand-model")).Select(version => version.Version).Should().Equal(3, 2, 1);
        (await _registry.ListVersionsAsync("none")).Should().BeEmpty();
    }

    [Fact]
    public async Task A_stream_that_cannot_seek_is_registered_too()
    {
        using var pipe = new ForwardOnlyStream(Bytes("forward"));
        var version = await _registry.RegisterAsync("demand-model", pipe, new ModelVersionInfo());
        (await ReadArtifactAsync(version)).Should().Be("forward");
    }

    [Fact]
    public async Task Registrations_at_the_same_time_get_different_versions()
    {
        var versions = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            new EmbeddedModelRegistry("models", _store, _ledgers.Primary).RegisterAsync("demand-model", Bytes($"artifact {i}"), new ModelVersionInfo())));

        versions.Select(version => version.Version).Should().OnlyHaveUniqueItems();
        foreach (var (version, i) in versions.Select((version, i) => (version, i)))
            (await ReadArtifactAsync((await _registry.FindAsync(ModelReference.ByVersion("demand-model", version.Version)))!)).Should().Be($"artifact {i}");
    }

    [Fact]
    public async Task After_a_crash_between_artifact_and_row_the_next_registration_is_as_the_first()
    {
        var content = Bytes("weights").ToArray();
        await _store.PutAsync($"models/demand-model/artifacts/{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content))}", new MemoryStream(content));
        var version = await RegisterAsync("weights");
        version.Version.Should().Be(1);
        (await ReadArtifactAsync(version)).Should().Be("weights");
        (await _registry.ListVersionsAsync("demand-model")).Should().ContainSingle();
    }

    [Fact]
    public async Task Aliases_point_at_one_version_and_move()
    {
        await RegisterAsync("a");
        await RegisterAsync("b");
        await _registry.SetAliasAsync("demand-model", "champion", 1, "run-7");
        await _registry.SetAliasAsync("demand-model", "stable", 1);
        await _registry.SetAliasAsync("demand-model", "champion", 2);
        await _registry.SetAliasAsync("demand-model", "champion", 2);

        (await _registry.FindAsync("demand-model@champion"))!.Version.Should().Be(2);
        (await _registry.FindAsync("demand-model/1"))!.Aliases.Should().Equal("stable");
        await _registry.DeleteAliasAsync("demand-model", "champion");
        await _registry.DeleteAliasAsync("demand-model", "champion");
        (await _registry.FindAsync("demand-model@champion")).Should().BeNull();
        (await AuditAsync()).Where(audit => audit.Action != "model.register").Should().BeEquivalentTo(new[]
        {
            ("model.alias.set", "demand-model@champion", "run-7"), ("model.alias.set", "demand-model@stable", null), ("model.alias.set", "demand-model@champion", null),
            ("model.alias.delete", "demand-model@champion", (string?)null),
        });
    }

    [Theory]
    [InlineData("latest")]
    [InlineData("v1")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("")]
    public async Task Aliases_that_mlflow_refuses_are_refused(string alias)
    {
        await RegisterAsync("a");
        var set = () => _registry.SetAliasAsync("demand-model", alias, 1);
        (await set.Should().ThrowAsync<DataPlatformException>()).Which.FailureClass.Should().Be(FailureClass.Configuration);
    }

    [Fact]
    public async Task An_alias_or_stage_of_a_version_that_is_not_there_is_refused()
    {
        await RegisterAsync("a");
        var alias = () => _registry.SetAliasAsync("demand-model", "champion", 2);
        var stage = () => _registry.TransitionStageAsync("demand-model", 2, ModelStage.Production, archiveExisting: true);
        (await alias.Should().ThrowAsync<DataPlatformException>()).WithMessage("Model 'demand-model' has no version 2.");
        (await stage.Should().ThrowAsync<DataPlatformException>()).WithMessage("Model 'demand-model' has no version 2.");
    }

    [Fact]
    public async Task A_version_moves_through_stages_and_archives_the_one_before()
    {
        foreach (var content in new[] { "a", "b", "c" }) await RegisterAsync(content);
        await _registry.TransitionStageAsync("demand-model", 1, ModelStage.Production, archiveExisting: true);
        await _registry.TransitionStageAsync("demand-model", 2, ModelStage.Staging, archiveExisting: false);
        var promoted = await _registry.TransitionStageAsync("demand-model", 2, ModelStage.Production, archiveExisting: true);
        await _registry.TransitionStageAsync("demand-model", 3, ModelStage.Production, archiveExisting: false);

        promoted.Stage.Should().Be(ModelStage.Production);
        (await _registry.ListVersionsAsync("demand-model")).Select(version => version.Stage).Should().Equal(ModelStage.Production, ModelStage.Production, ModelStage.Archived);
        (await _registry.FindAsync("demand-model/production"))!.Version.Should().Be(3);
        (await _registry.FindAsync("demand-model/Staging")).Should().BeNull();
        (await _registry.FindAsync("demand-model/latest"))!.Version.Should().Be(3);

        var archive = () => _registry.TransitionStageAsync("demand-model", 1, ModelStage.None, archiveExisting: true);
        (await archive.Should().ThrowAsync<DataPlatformException>()).Which.FailureClass.Should().Be(FailureClass.Configuration);
    }

    [Fact]
    public async Task Promotions_at_the_same_time_leave_one_version_in_production()
    {
        foreach (var i in Enumerable.Range(0, 6)) await RegisterAsync($"{i}");
        await Task.WhenAll(Enumerable.Range(1, 6).Select(version => _registry.TransitionStageAsync("demand-model", version, ModelStage.Production, archiveExisting: true)));
        (await _registry.ListVersionsAsync("demand-model")).Count(version => version.Stage == ModelStage.Production).Should().Be(1);
    }

    [Fact]
    public async Task An_artifact_that_was_changed_or_removed_is_not_handed_out()
    {
        var version = await RegisterAsync("weights");
        await _store.PutAsync($"models/demand-model/artifacts/{version.ArtifactSha256}", Bytes("weightz"));
        var changed = () => _registry.OpenArtifactAsync(version);
        (await changed.Should().ThrowAsync<DataPlatformException>()).Which.Should().Match<DataPlatformException>(e =>
            e.FailureClass == FailureClass.Data && e.Message.StartsWith("The artifact of demand-model/1 in ") && e.Message.Contains("is not the one that was registered"));

        await _store.DeleteAsync($"models/demand-model/artifacts/{version.ArtifactSha256}");
        var missing = () => _registry.OpenArtifactAsync(version);
        (await missing.Should().ThrowAsync<DataPlatformException>()).Which.FailureClass.Should().Be(FailureClass.Data);
    }

    [Fact]
    public async Task Training_registers_the_first_version_as_champion()
    {
        var result = await TrainAsync();

        result.Failure.Should().BeNull();
        var version = (await _registry.FindAsync("demand-model@champion"))!;
        version.Should().BeEquivalentTo(new { Version = 1, Aliases = new[] { "candidate", "champion" }, RunId = result.Run.RunId });
        version.Metrics.Should().Equal(new Dictionary<string, double> { ["rmse"] = 2 });
        version.Params.Should().Equal(new Dictionary<string, string> { ["kind"] = "mean" });
        version.DataFingerprint.Should().HaveLength(64);
        (await ReadArtifactAsync(version)).Should().Be("6");
        (await OutputAsync(result, "train")).Should().Be("1");
        result.Steps[0].RowsRead.Should().Be(2);
    }

    [Fact]
    public async Task Unchanged_data_is_not_trained_on_again_even_when_it_was_loaded_anew_in_another_order()
    {
        await TrainAsync();
        await ExecuteAsync("DELETE FROM marts.demand");
        await AddDemandAsync("('Nordnes', TIMESTAMP '2026-03-01 08:00:00', 8, 2), ('Bryggen', TIMESTAMP '2026-03-01 08:00:00', 4, 2)");
        var again = await TrainAsync();

        again.Failure.Should().BeNull();
        _trainer.Trained.Should().Be(1);
        (await OutputAsync(again, "train")).Should().Be("1");
        (await _registry.ListVersionsAsync("demand-model")).Should().ContainSingle();
    }

    [Fact]
    public async Task New_data_makes_a_new_version_that_is_promoted_only_when_it_is_no_worse()
    {
        await TrainAsync();
        await AddDemandAsync("('Bryggen', TIMESTAMP '2026-03-01 09:00:00', 30, 2)");
        await TrainAsync(); // worse
        (await _registry.FindAsync("demand-model@champion"))!.Version.Should().Be(1);
        (await _registry.FindAsync("demand-model@candidate"))!.Version.Should().Be(2);

        await ExecuteAsync("UPDATE marts.demand SET trips = 7");
        await TrainAsync(); // better
        (await _registry.FindAsync("demand-model@champion"))!.Version.Should().Be(3);
        (await _registry.FindAsync("demand-model@candidate"))!.Version.Should().Be(3);
        (await AuditAsync()).Count(audit => audit is { Action: "model.alias.set", Subject: "demand-model@champion" }).Should().Be(2);
    }

    [Fact]
    public async Task A_roll_back_by_hand_stays_when_the_data_does_not_change()
    {
        await TrainAsync();
        await ExecuteAsync("UPDATE marts.demand SET trips = 7");
        await TrainAsync();
        await _registry.SetAliasAsync("demand-model", "champion", 1);
        await TrainAsync();
        (await _registry.FindAsync("demand-model@champion"))!.Version.Should().Be(1);
    }

    [Fact]
    public async Task After_a_crash_before_the_promotion_the_next_run_makes_up_for_it()
    {
        await TrainAsync();
        await _registry.DeleteAliasAsync("demand-model", "champion");
        await _registry.DeleteAliasAsync("demand-model", "candidate");
        await TrainAsync();
        _trainer.Trained.Should().Be(1);
        (await _registry.FindAsync("demand-model/1"))!.Aliases.Should().Equal("candidate", "champion");
    }

    [Fact]
    public async Task A_metric_that_is_not_a_number_is_not_promoted_and_a_missing_one_is_a_bug()
    {
        _trainer.Rmse = double.NaN;
        (await TrainAsync()).Failure.Should().BeNull();
        (await _registry.FindAsync("demand-model/1"))!.Aliases.Should().Equal("candidate");

        await ExecuteAsync("UPDATE marts.demand SET trips = 7");
        (await TrainAsync(train => train.Maximize("r2"))).Failure.Should().BeEquivalentTo(new
        {
            Class = FailureClass.Bug,
            Message = "MeanTrainer gave no metric 'r2', by which versions of 'demand-model' are compared.",
        });
        (await _registry.ListVersionsAsync("demand-model")).Should().ContainSingle();
    }

    [Fact]
    public async Task No_training_data_is_a_data_error()
    {
        await ExecuteAsync("DELETE FROM marts.demand");
        (await TrainAsync()).Failure.Should().BeEquivalentTo(new
        {
            Class = FailureClass.Data,
            Message = "There is no data to train model 'demand-model' on: inline SQL gives no rows.",
        });
    }

    [Fact]
    public async Task Data_that_changes_while_it_is_read_is_not_registered()
    {
        _trainer.BeforeReading = () => AddDemandAsync("('Late', TIMESTAMP '2026-03-01 09:00:00', 5, 3)");
        var result = await TrainAsync();
        result.Failure.Should().BeNull("the second attempt reads what is there now");
        result.Steps[0].Attempts.Should().Be(2);
        (await _registry.ListVersionsAsync("demand-model")).Should().ContainSingle();
    }

    [Fact]
    public async Task Scoring_stamps_each_row_with_the_version_that_made_it()
    {
        await TrainAsync();
        var first = await ScoreAsync(score => score.Into("marts.forecast", "station"));
        first.Failure.Should().BeNull();
        await ExecuteAsync("DELETE FROM marts.demand WHERE station = 'Nordnes'");
        await TrainAsync();
        var second = await ScoreAsync(score => score.Into("marts.forecast", "station"));
        second.Failure.Should().BeNull();

        var loads = await _ledgers.Primary.ListLoadsAsync();
        (await QueryAsync("SELECT station, forecast, model_version, _load_id FROM marts.forecast ORDER BY station")).Should().BeEquivalentTo(
            new object[][] { ["Bryggen", 4.0, 2L, loads[0].LoadId], ["Nordnes", 6.0, 1L, loads[1].LoadId] }, options => options.WithStrictOrdering());
        loads.Select(load => (load.Disposition, load.Rows)).Should().Equal(("merge", new RowBalance(1, 1)), ("merge", new RowBalance(2, 2)));
        (await OutputAsync(second, "score")).Should().Be("2");
    }

    [Fact]
    public async Task Without_keys_the_scored_table_is_replaced_and_what_a_scorer_leaves_out_is_counted()
    {
        await TrainAsync();
        await ScoreAsync(score => score.Into("marts.forecast"));
        await AddDemandAsync("('', TIMESTAMP '2026-03-01 09:00:00', 5, 3)");
        var result = await ScoreAsync(score => score.Into("marts.forecast"));

        result.Failure.Should().BeNull();
        (await QueryAsync("SELECT count(*) FROM marts.forecast")).Should().BeEquivalentTo(new object[][] { [2L] });
        (await _ledgers.Primary.ListLoadsAsync())[0].Rows.Should().Be(new RowBalance(3, 2, Filtered: 1));
    }

    [Fact]
    public async Task Scoring_without_the_model_says_what_to_do()
    {
        var result = await ScoreAsync(score => score.Into("marts.forecast"));
        result.Failure.Should().BeEquivalentTo(new { Class = FailureClass.Configuration, Message = "Model registry 'models' has no demand-model@champion." });
    }

    [Fact]
    public async Task A_key_that_the_scorer_does_not_give_is_named()
    {
        await TrainAsync();
        var result = await ScoreAsync(score => score.Into("marts.forecast", "station", "hour"));
        result.Failure.Should().BeEquivalentTo(new { Class = FailureClass.Configuration, Message = "MeanScorer gives no column 'hour', which is a key of marts.forecast." });
    }

    private Task<PipelineRunResult> TrainAsync(Action<TrainStepBuilder>? configure = null) => RunAsync(pipeline =>
    {
        var train = pipeline.Train<MeanTrainer>("train", "demand-model").From("warehouse", "SELECT * FROM {demand}").Relation("demand", "marts.demand").Minimize("rmse");
        configure?.Invoke(train);
    });

    private Task<PipelineRunResult> ScoreAsync(Action<ScoreStepBuilder> configure) => RunAsync(pipeline =>
        configure(pipeline.Score<MeanScorer>("score", "demand-model@champion").From("warehouse", "SELECT station FROM marts.demand")));

    private async Task<PipelineRunResult> RunAsync(Action<PipelineBuilder> configure)
    {
        var builder = new PipelineBuilder("test");
        configure(builder);
        return await new PipelineRunner(_ledgers, _services).RunAsync(builder.Build());
    }

    private Task<ModelVersion> RegisterAsync(string content, ModelVersionInfo? info = null) =>
        _registry.RegisterAsync("demand-model", Bytes(content), info ?? new ModelVersionInfo());

    private async Task<string> ReadArtifactAsync(ModelVersion version)
    {
        await using var artifact = await _registry.OpenArtifactAsync(version);
        using var reader = new StreamReader(artifact);
        return await reader.ReadToEndAsync();
    }

    private async Task<string> OutputAsync(PipelineRunResult result, string step) =>
        (await _ledgers.Primary.FindOutputAsync(result.Run, step, "model_version"))!;

    private async Task<IEnumerable<(string Action, string Subject, string? RunId)>> AuditAsync() =>
        (await QueryAsync("SELECT action, subject, run_id FROM dataplatform.audit_events WHERE action LIKE 'model.%'")).Select(row => ((string)row[0]!, (string)row[1]!, (string?)row[2]));

    private Task AddDemandAsync(string values) => ExecuteAsync($"INSERT INTO marts.demand VALUES {values}");

    private async Task ExecuteAsync(string sql)
    {
        await using var transaction = await _warehouse.BeginAsync();
        await transaction.ExecuteAsync(sql);
        await transaction.CommitAsync();
    }

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await _warehouse.BeginAsync();
        return await transaction.QueryAsync(sql);
    }

    private static MemoryStream Bytes(string content) => new(Encoding.UTF8.GetBytes(content));

    /// <summary>Learns the mean of the trips.</summary>
    private sealed class MeanTrainer : IModelTrainer
    {
        public int Trained { get; private set; }

        public double? Rmse { get; set; }

        public Func<Task>? BeforeReading { get; set; }

        public async Task<TrainedModel> TrainAsync(TrainingContext context, CancellationToken cancellationToken)
        {
            if (BeforeReading is { } change)
            {
                BeforeReading = null;
                await change();
            }

            var trips = await context.ReadAsync<DemandRow>(cancellationToken).Select(row => row.Trips).ToListAsync(cancellationToken);
            Trained++;
            var mean = trips.Average();
            return new TrainedModel(stream => JsonSerializer.Serialize(stream, mean))
            {
                Metrics = { ["rmse"] = Rmse ?? Math.Sqrt(trips.Average(value => (value - mean) * (value - mean))) },
                Params = { ["kind"] = "mean" },
            };
        }
    }

    /// <summary>Forecasts the mean for every station that has a name.</summary>
    private sealed class MeanScorer : ModelScorer<StationRow, ForecastRow>
    {
        private double _mean;

        public override Task LoadAsync(Stream artifact, ModelVersion version, CancellationToken cancellationToken)
        {
            _mean = JsonSerializer.Deserialize<double>(artifact);
            return Task.CompletedTask;
        }

        protected override IEnumerable<ForecastRow> Score(IReadOnlyList<StationRow> rows) =>
            rows.Where(row => row.Station.Length > 0).Select(row => new ForecastRow(row.Station, _mean));
    }

    private sealed record DemandRow(double Trips);

    private sealed record StationRow(string Station);

    private sealed record ForecastRow(string Station, double Forecast);

    private sealed class ForwardOnlyStream(Stream inner) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
