using System.ComponentModel.DataAnnotations;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.Ingestion.Tests.Loading;

/// <summary>Ingest steps from files to tables, with the embedded warehouse and its ledger.</summary>
public sealed class LoadingTests : LoadsFromFiles
{
    [Fact]
    public async Task Files_are_appended_once_and_every_row_carries_its_load()
    {
        _inbox.With("a.csv", "trip_id,fare\n1,1.50\n2,2.50\n");
        (await RunAsync(load => load.Append())).Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsRead == 2 && r.RowsWritten == 2);
        _inbox.With("b.csv", "trip_id,fare\n3,3.50\n");
        (await RunAsync(load => load.Append())).RowsRead.Should().Be(1);
        var again = await RunAsync(load => load.Append());
        again.Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsRead == 0 && r.RowsWritten == 0);

        (await TripsAsync("trip_id, fare")).Should().BeEquivalentTo(new object[][] { [1L, 1.5m], [2L, 2.5m], [3L, 3.5m] }, options => options.WithStrictOrdering());
        var loads = await _ledgers.Primary.ListLoadsAsync(cancellationToken: Token);
        loads.Select(load => (load.Status, load.Disposition, load.Rows)).Should().Equal(
            ("committed", "append", new RowBalance(1, 1)), ("committed", "append", new RowBalance(2, 2)));
        (await TripsAsync("_load_id")).Select(row => row[0]).Should().Equal(loads[1].LoadId, loads[1].LoadId, loads[0].LoadId);
        (await _ledgers.Primary.ListLoadedObjectsAsync("demo", "trips", Token)).Select(o => o.Path).Should().BeEquivalentTo("a.csv", "b.csv");
    }

    [Fact]
    public async Task Merging_replaces_rows_by_key_and_the_last_of_a_load_wins()
    {
        _inbox.With("a.csv", "trip_id,fare\n1,1\n2,2\n");
        await RunAsync(load => load.Merge(t => t.TripId));
        _inbox.With("b.csv", "trip_id,fare\n2,20\n3,3\n").With("c.csv", "trip_id,fare\n3,30\n");
        var result = await RunAsync(load => load.Merge(t => t.TripId));
        result.Status.Should().Be(RunStatus.Succeeded);
        (await TripsAsync("trip_id, fare")).Should().BeEquivalentTo(new object[][] { [1L, 1m], [2L, 20m], [3L, 30m] }, options => options.WithStrictOrdering());
        (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Token))[0].Rows.Should().Be(new RowBalance(3, 2, Deduplicated: 1));
    }

    [Fact]
    public async Task Rows_are_deleted_by_a_column_and_the_latest_of_a_key_wins()
    {
        _inbox.With("a.csv", "id,city,rank,gone\n1,Basel,2,\n1,Bern,1,\n2,Chur,1,\n");
        var pipeline = Pipeline(
            From.Csv<Place>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.HardDelete(p => p.Gone).LatestBy(p => p.Rank).Merge(p => p.Id)));
        pipeline.Steps[0].Description.Should().Be("lake:*.csv → warehouse:raw.trips (merge on id, hard delete by gone, latest by rank)");
        await RunAsync(pipeline);
        _inbox.With("b.csv", "id,city,rank,gone\n2,Chur,2,true\n3,Davos,1,false\n");
        (await RunAsync(pipeline)).Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsRead == 2 && r.RowsWritten == 1);
        (await TripsAsync("id, city", "id")).Should().BeEquivalentTo(new object[][] { [1L, "Basel"], [3L, "Davos"] }, options => options.WithStrictOrdering());
        (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Token)).Select(load => (load.Disposition, load.Rows)).Should().Equal(
            ("merge", new RowBalance(2, 1, Filtered: 1)), ("merge", new RowBalance(3, 2, Deduplicated: 1)));
    }

    [Fact]
    public async Task A_load_that_keeps_before_images_is_undone_and_its_file_read_again()
    {
        var pipeline = Pipeline(From.Csv<Place>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Merge(p => p.Id).KeepBeforeImages()));
        pipeline.Steps[0].Description.Should().EndWith("(merge on id, keeps before-images)");
        _inbox.With("a.csv", "id,city,rank,gone\n1,Basel,1,\n2,Chur,1,\n");
        await RunAsync(pipeline);
        _inbox.With("b.csv", "id,city,rank,gone\n2,Bern,1,\n3,Davos,1,\n");
        await RunAsync(pipeline);
        var loads = await _ledgers.Primary.ListLoadsAsync(table: "raw.trips", cancellationToken: Token);
        (await _ledgers.Primary.UndoLoadAsync(loads[0].LoadId, TimeSpan.Zero, Token)).Should().Match<UndoneLoad>(u => u.RowsRemoved == 2 && u.RowsRestored == 1);
        (await TripsAsync("id, city, _load_id", "id")).Should().BeEquivalentTo(
            new object[][] { [1L, "Basel", loads[1].LoadId], [2L, "Chur", loads[1].LoadId] }, options => options.WithStrictOrdering());
        (await RunAsync(pipeline)).RowsWritten.Should().Be(2);
        (await TripsAsync("id, city", "id")).Should().BeEquivalentTo(new object[][] { [1L, "Basel"], [2L, "Bern"], [3L, "Davos"] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task A_history_gets_versions_of_one_moment_for_each_load()
    {
        var pipeline = Pipeline(From.Csv<Place>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Scd2(p => p.Id).ValidityColumns("from", "until")));
        _inbox.With("a.csv", "id,city,rank,gone\n1,Basel,1,\n2,Chur,1,\n");
        await RunAsync(pipeline);
        _inbox.With("b.csv", "id,city,rank,gone\n1,Bern,1,\n2,Chur,1,\n3,Davos,1,\n");
        (await RunAsync(pipeline)).Should().Match<StepResult>(r => r.RowsRead == 3 && r.RowsWritten == 2);
        (await TripsAsync("id, city, until IS NULL", "id, \"from\"")).Should().BeEquivalentTo(
            new object[][] { [1L, "Basel", false], [1L, "Bern", true], [2L, "Chur", true], [3L, "Davos", true] }, options => options.WithStrictOrdering());
        (await TripsAsync("count(DISTINCT \"from\"), count(DISTINCT until), count(*) FILTER (until = (SELECT max(\"from\") FROM raw.trips))", "1"))[0].Should().Equal(2L, 1L, 1L);
        var loads = await _ledgers.Primary.ListLoadsAsync(cancellationToken: Token);
        (loads[0].Disposition, loads[0].Rows).Should().Be(("scd2", new RowBalance(3, 2, Filtered: 1)));
    }

    [Fact]
    public async Task Rows_that_go_together_are_replaced_together_and_others_are_only_added()
    {
        _inbox.With("a.csv", "id,city,rank,gone\n1,Basel,1,\n2,Bern,1,\n3,Chur,2,\n");
        var days = Pipeline(From.Csv<Place>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.DeleteInsert(p => p.Rank)));
        await RunAsync(days);
        _inbox.With("b.csv", "id,city,rank,gone\n4,Davos,1,\n");
        (await RunAsync(days)).RowsWritten.Should().Be(1);
        (await TripsAsync("id", "id")).Select(row => row[0]).Should().Equal(3L, 4L);

        await ExecuteAsync("DELETE FROM raw.trips");
        _inbox.With("b.csv", "id,city,rank,gone\n5,Basel,1,\n5,Bern,1,\n").With("c.csv", "id,city,rank,gone\n5,Chur,1,\n6,Davos,1,\n");
        (await RunAsync(Pipeline(From.Csv<Place>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.InsertOnly(p => p.Id))))).RowsWritten.Should().Be(2);
        (await TripsAsync("id, city", "id")).Should().BeEquivalentTo(new object[][] { [5L, "Basel"], [6L, "Davos"] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Versions_need_their_columns_in_a_table_that_is_there()
    {
        await ExecuteAsync("CREATE SCHEMA raw");
        await ExecuteAsync("CREATE TABLE raw.trips (id bigint, city text, rank integer, gone boolean, _load_id bigint, _valid_from timestamptz)");
        _inbox.With("a.csv", "id,city,rank,gone\n1,Basel,1,\n");
        var result = await RunAsync(Pipeline(From.Csv<Place>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Scd2(p => p.Id))));
        result.Failure!.Message.Should().Be("Rows of lake:*.csv do not fit into raw.trips: it has no column _valid_to (timestamp with time zone).");
    }

    [Fact]
    public void Verbs_that_do_not_go_together_are_refused_when_the_pipeline_is_built()
    {
        void Expect(Action<LoadBuilder<Place>> load, string message) => new PipelineBuilder("demo")
            .Invoking(builder => builder.Ingest("places", From.Csv<Place>("lake", "*.csv")).Into("warehouse", "raw.places", load))
            .Should().Throw<DataPlatformException>().Where(e => e.FailureClass == FailureClass.Configuration).And.Message.Should().Be(message);

        Expect(load => load.HardDelete(p => p.Gone), "Step 'places' appends to raw.places, where .HardDelete(…) has no meaning: it belongs to a merge.");
        Expect(load => load.LatestBy(p => p.Rank).Replace(), "Step 'places' replaces raw.places, where .LatestBy(…) has no meaning: it belongs to a merge.");
        Expect(load => load.FullSnapshot().Append(), "Step 'places' appends to raw.places, where .FullSnapshot(…) has no meaning: it belongs to a merge.");
        Expect(load => load.Merge(p => p.Id).FullSnapshot(), "The merge into raw.places is of a full snapshot, but keeps no versions that could be closed.");
        Expect(load => load.InsertOnly(p => p.Id).HardDelete(p => p.Gone), "The merge into raw.places only inserts, so it cannot delete rows by 'gone'.");
        Expect(load => load.DeleteInsert(p => p.Id).EarliestBy(p => p.Rank), "The merge into raw.places keeps all rows of a key, so it cannot choose one by 'rank'.");
        Expect(load => load.Scd2(p => p.Id).ValidityColumns("city", "to"), "lake:*.csv has a column 'city', which raw.places needs to say when a version of a row holds.");
        Expect(load => load.Replace().KeepBeforeImages(), "Step 'places' replaces raw.places, of which no before-images can be kept.");
        Expect(load => load.KeepBeforeImages().InsertOnly(p => p.Id), "Step 'places' only adds rows to raw.places, which can be undone without before-images.");
        Expect(load => load.DeleteInsert(p => p.Id).Checkpoint(1), "Step 'places' has checkpoints, but by delete-insert one part would delete from raw.places what another part has added for the same key.");
        Expect(load => load.Scd2(p => p.Id).FullSnapshot().Checkpoint(1), "Step 'places' has checkpoints, but a part of a full snapshot lacks most keys of raw.places.");
    }

    [Fact]
    public async Task A_key_may_not_be_null()
    {
        _inbox.With("a.csv", "id,name\n,x\n1,y\n");
        var pipeline = Pipeline(From.Csv<Named>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Merge(t => t.Id).Quarantine(0.5)));
        (await RunAsync(pipeline)).Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsWritten == 1 && r.RowsRejected == 1);
        (await QueryAsync("SELECT column_name, reason FROM dataplatform.quarantine"))[0].Should().Equal("id", "the value is missing, and the column does not allow NULL");
    }

    [Fact]
    public async Task Replacing_reads_all_files_when_one_is_new_and_shows_old_rows_until_it_commits()
    {
        _inbox.With("a.csv", "trip_id,fare\n1,1\n");
        await RunAsync(load => load.Replace());
        _inbox.With("b.csv", "trip_id,fare\n2,2\n");
        List<object?[]>? seen = null;
        var store = new ObservedStore(_inbox.Store, async key => seen ??= key == "b.csv" ? await TripsAsync("trip_id") : null);
        var result = await RunAsync(Pipeline(From.Csv<Trip>(store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Replace())));
        result.Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsRead == 2);
        seen.Should().ContainSingle().Which.Should().Equal(1L);
        (await TripsAsync("trip_id")).Select(row => row[0]).Should().Equal(1L, 2L);
        (await RunAsync(load => load.Replace())).RowsRead.Should().Be(0);
    }

    [Fact]
    public async Task Without_a_share_one_bad_row_fails_the_step_and_is_kept()
    {
        _inbox.With("in/a.csv", "trip_id,fare\n1,1\nx,2\n3,-3\n");
        var result = await RunAsync(Pipeline(From.Csv<Trip>(_inbox.Store, "in/*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Append())));
        result.Status.Should().Be(RunStatus.Failed);
        result.Failure!.Class.Should().Be(FailureClass.Data);
        result.Failure.Message.Should().Be(
            "2 of 3 rows of lake:in/*.csv were rejected (66.6667%); none is allowed. Nothing was loaded into raw.trips. in/a.csv:3 trip_id: 'x' is not an int64; in/a.csv:4 fare: '-3' is not at least 0");
        result.Failure.Hint.Should().Contain("load.Quarantine(maxRejected: 0.01)");
        (result.RowsRead, result.RowsWritten, result.RowsRejected).Should().Be((3L, 0L, 2L));

        (await TableExistsAsync()).Should().BeFalse();
        var rejected = await QueryAsync("SELECT source, position, raw, column_name, reason, contract_version FROM dataplatform.quarantine ORDER BY position");
        rejected.Should().BeEquivalentTo(
            new object?[][]
            {
                ["in/a.csv", 3L, "x,2", "trip_id", "'x' is not an int64", Contract.Of<Trip>().Version],
                ["in/a.csv", 4L, "3,-3", "fare", "'-3' is not at least 0", Contract.Of<Trip>().Version],
            },
            options => options.WithStrictOrdering());
        (await _ledgers.Primary.ListLoadedObjectsAsync("demo", "trips", Token)).Should().BeEmpty();
        (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Token)).Should().ContainSingle().Which.Status.Should().Be("failed");

        _inbox.With("in/a.csv", "trip_id,fare\n1,1\n2,2\n3,3\n");
        (await RunAsync(Pipeline(From.Csv<Trip>(_inbox.Store, "in/*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Append())))).RowsWritten.Should().Be(3);
    }

    [Theory]
    [InlineData(0.25, RunStatus.Succeeded)]
    [InlineData(0.2499, RunStatus.Failed)]
    public async Task A_share_of_bad_rows_is_borne_and_not_one_more(double share, RunStatus status)
    {
        _inbox.With("a.csv", "trip_id,fare\n1,1\nx,2\n3,3\n4,4\n");
        (await RunAsync(load => load.Append().Quarantine(share))).Should().Match<StepResult>(r => r.Status == status && r.RowsRejected == 1);
        (await QueryAsync("SELECT count(*) FROM dataplatform.quarantine"))[0][0].Should().Be(1L);
        if (status == RunStatus.Succeeded) (await TripsAsync("trip_id")).Select(row => row[0]).Should().Equal(1L, 3L, 4L);
        else (await TableExistsAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task When_no_bad_row_is_allowed_a_file_full_of_them_is_not_read_to_its_end()
    {
        _inbox.With("a.csv", "trip_id,fare\n" + string.Concat(Enumerable.Range(0, 500_000).Select(i => $"x{i},1\n")));
        var result = await RunAsync(load => load.Append());
        result.RowsRead.Should().BeInRange(1000, 50_000);
        result.Failure!.Message.Should().Contain("Reading stopped there.");
    }

    [Fact]
    public async Task A_failure_in_the_middle_leaves_everything_as_it_was()
    {
        _inbox.With("a.csv", "trip_id,fare\n1,1\n");
        await RunAsync(load => load.Replace());
        var before = await TableContents.HashAsync(_warehouse, "raw");
        _inbox.With("b.csv", "trip_id,fare\n" + string.Concat(Enumerable.Range(0, 400_000).Select(i => $"{i},1\n"))).With("c.csv", "nothing\nlike,it\n");
        var result = await RunAsync(load => load.Replace());
        result.Failure!.Message.Should().StartWith("lake:c.csv has no column 'TripId'");
        (await TableContents.HashAsync(_warehouse, "raw")).Should().BeEquivalentTo(before);
        (await _ledgers.Primary.ListLoadedObjectsAsync("demo", "trips", Token)).Should().ContainSingle();
    }

    [Fact]
    public async Task Stopping_leaves_everything_as_it_was_and_the_next_run_loads_it_all()
    {
        _inbox.With("a.csv", "trip_id,fare\n" + string.Concat(Enumerable.Range(0, 300_000).Select(i => $"{i},1\n"))).With("b.csv", "trip_id,fare\n-1,1\n");
        using var stop = new CancellationTokenSource();
        var store = new ObservedStore(_inbox.Store, async key => await (key == "b.csv" ? stop.CancelAsync() : Task.CompletedTask));
        var stopped = await RunAsync(Pipeline(From.Csv<Trip>(store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Append())), stop.Token);
        stopped.Status.Should().Be(RunStatus.Terminated);
        (await TableExistsAsync()).Should().BeFalse();
        (await RunAsync(load => load.Append())).RowsWritten.Should().Be(300_001);
    }

    [Fact]
    public async Task What_another_run_loads_in_the_meantime_is_not_loaded_again()
    {
        _inbox.With("a.csv", "trip_id,fare\n1,1\n").With("b.csv", "trip_id,fare\n2,2\n");
        var loaded = false;
        var store = new ObservedStore(_inbox.Store, async key =>
        {
            // Between the look at what is loaded and the lease.
            if (loaded || key != "a.csv") return;
            loaded = true;
            (await RunAsync(load => load.Append())).RowsWritten.Should().Be(2);
        });
        var settings = new IngestSettings(From.Csv<Trip>(store, "*.csv"), new(_warehouse.Name, _warehouse), "raw.trips", WriteDisposition.Append, null, 0);
        await using (var step = new StepOutsideOfRunner(_ledgers.For(_warehouse))) await new IngestStep(settings, step.Services).RunAsync(step, Token);

        loaded.Should().BeTrue();
        (await TripsAsync("trip_id")).Select(row => row[0]).Should().Equal(1L, 2L);
        (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Token)).Should().ContainSingle();
    }

    [Fact]
    public async Task A_table_that_was_dropped_is_loaded_anew()
    {
        _inbox.With("a.csv", "trip_id,fare\n1,1\n");
        await RunAsync(load => load.Append());
        await ExecuteAsync("DROP TABLE raw.trips");
        (await RunAsync(load => load.Append())).Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsWritten == 1);
        (await RunAsync(load => load.Append())).RowsRead.Should().Be(0);
        (await TripsAsync("trip_id")).Select(row => row[0]).Should().Equal(1L);
    }

    [Fact]
    public async Task An_empty_file_is_done_with()
    {
        _inbox.With("a.csv", "").With("b.csv", "trip_id,fare\n");
        (await RunAsync(load => load.Append())).Status.Should().Be(RunStatus.Succeeded);
        (await _ledgers.Primary.ListLoadedObjectsAsync("demo", "trips", Token)).Should().HaveCount(2);
    }

    [Fact]
    public async Task A_table_that_does_not_fit_is_named_before_the_first_row()
    {
        await ExecuteAsync("CREATE SCHEMA raw");
        await ExecuteAsync("CREATE TABLE raw.trips (trip_id integer, note text)");
        _inbox.With("a.csv", "trip_id,fare\n1,1\n");
        var result = await RunAsync(load => load.Append());
        result.Failure!.Class.Should().Be(FailureClass.Data);
        result.Failure.Message.Should().Be(
            "Rows of lake:*.csv do not fit into raw.trips: column trip_id is int32 there and int64 in the contract; it has no column fare (decimal(38,10)); it has no column _load_id (int64).");

        var preflight = () => ((IStepPreflight)new IngestStep(
            new IngestSettings(From.Csv<Trip>(_inbox.Store, "*.csv"), new(_warehouse.Name, _warehouse), "raw.trips", WriteDisposition.Append, null, 0), null!)).CheckAsync(Token);
        (await preflight.Should().ThrowAsync<DataPlatformException>()).Which.Message.Should().Be(result.Failure.Message);
    }

    [Fact]
    public async Task Decimals_take_the_digits_that_the_table_has()
    {
        await ExecuteAsync("CREATE SCHEMA raw");
        await ExecuteAsync("CREATE TABLE raw.trips (trip_id bigint, fare decimal(6,2), _load_id bigint, added timestamp DEFAULT current_timestamp)");
        _inbox.With("a.csv", "trip_id,fare\n1,1.25\n2,1.255\n");
        (await RunAsync(load => load.Append().Quarantine(1))).Should().Match<StepResult>(r => r.RowsWritten == 1 && r.RowsRejected == 1);
        (await TripsAsync("fare"))[0][0].Should().Be(1.25m);
    }

    [Fact]
    public async Task Inferred_files_keep_to_the_table_that_the_first_made()
    {
        _inbox.With("a.jsonl", "{\"id\":1,\"temp\":20,\"tags\":[1]}\n");
        var pipeline = Pipeline(From.JsonLines(_inbox.Store, "*.jsonl"), (step, table) => step.Into(_warehouse, table));
        (await RunAsync(pipeline)).RowsWritten.Should().Be(1);
        _inbox.With("b.jsonl", "{\"id\":\"2\",\"temp\":21,\"more\":true}\n");
        (await RunAsync(pipeline)).RowsWritten.Should().Be(1);
        (await TripsAsync("id, temp, tags", "id")).Should().BeEquivalentTo(new object?[][] { [1L, 20L, "[1]"], [2L, 21L, null] }, options => options.WithStrictOrdering());
        (await RunAsync(pipeline)).Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsRead == 0);
    }

    [Fact]
    public async Task Cursors_commit_with_their_rows()
    {
        var pipeline = Pipeline(new Counter(), (step, table) => step.Into(_warehouse, table, load => load.Append()));
        (await RunAsync(pipeline)).RowsWritten.Should().Be(5);
        (await RunAsync(pipeline)).RowsWritten.Should().Be(5);
        (await TripsAsync("id", "id")).Select(row => row[0]).Should().Equal(Enumerable.Range(1, 10).Select(i => (object)(long)i));
        (await _ledgers.Primary.FindCursorAsync("demo", "trips", "id", Token)).Should().Be("10");
    }

    [Theory]
    [InlineData("a.csv")]
    [InlineData("a.csv.gz")]
    [InlineData("a.jsonl")]
    [InlineData("a.parquet")]
    public async Task A_long_load_commits_in_parts_and_goes_on_after_the_last_of_them(string file)
    {
        const int Rows = 120_000;
        await WriteNotesAsync(file, Rows);
        await WriteNotesAsync(file.Replace("a.", "b.", StringComparison.Ordinal), 10, first: Rows);
        ISource<Note> Source(IObjectStore store) => Path.GetExtension(file) switch
        {
            ".jsonl" => From.JsonLines<Note>(store, "*.jsonl"),
            ".parquet" => From.Parquet<Note>(store, "*.parquet"),
            _ => From.Csv<Note>(store, "*.csv*"),
        };
        PipelineDefinition Load(IObjectStore store) => Pipeline(Source(store), (step, table) => step.Into(_warehouse, table, load => load.Quarantine(0.1).Checkpoint(mebibytes: 1)));

        var broken = await StopAfterAsync(Load(_inbox.Store), Rows / 2);
        var committed = (long)(await QueryAsync("SELECT sum(rows_read)::bigint FROM dataplatform.loads WHERE status = 'committed'"))[0][0]!;
        committed.Should().BePositive().And.BeLessThan(Rows);
        (await TripsAsync("count(*)", "1"))[0][0].Should().Be(broken.RowsWritten);

        // What comes first by its name must not be taken for what was begun.
        await WriteNotesAsync(file.Replace("a.", "0.", StringComparison.Ordinal), 10, first: Rows + 10);
        var continued = await RunAsync(Load(_inbox.Store));

        continued.RowsRead.Should().Be(Rows + 20 - committed, "what is committed is not read again");
        (await TripsAsync("id", "id")).Select(row => (long)row[0]!).Should().Equal(Enumerable.Range(0, Rows + 20).Select(i => (long)i).Where(i => !IsBad(i)));
        (await QueryAsync("SELECT source, position FROM dataplatform.quarantine")).Should().HaveCount(Enumerable.Range(0, Rows + 20).Count(i => IsBad(i)))
            .And.OnlyHaveUniqueItems(row => $"{row[0]}:{row[1]}");
        (await QueryAsync("SELECT path, \"rows\" FROM dataplatform.load_objects ORDER BY path")).Select(row => (long)row[1]!).Should().Equal(10, Rows, 10);
        (await RunAsync(Load(_inbox.Store))).Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsRead == 0);
        (await QueryAsync("SELECT max(rows_read) FROM dataplatform.loads"))[0][0].Should().Match<object>(most => (long)most < Rows / 4, "each part is a small one");
    }

    [Fact]
    public async Task A_file_that_changed_after_a_part_of_it_was_loaded_is_read_from_its_beginning()
    {
        await WriteNotesAsync("a.csv", 60_000);
        PipelineDefinition Load(IObjectStore store) => Pipeline(
            From.Csv<Note>(store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Merge(n => n.Id).Quarantine(0.1).Checkpoint(mebibytes: 1)));
        (await StopAfterAsync(Load(_inbox.Store), 30_000)).RowsWritten.Should().BePositive();

        await WriteNotesAsync("a.csv", 50_000);
        (await RunAsync(Load(_inbox.Store))).RowsRead.Should().Be(50_000);
        (await TripsAsync("count(*)", "1"))[0][0].Should().Be(Enumerable.Range(0, 50_000).LongCount(i => !IsBad(i)));
    }

    [Fact]
    public async Task A_part_with_too_many_bad_rows_is_not_committed_and_those_before_it_stay()
    {
        await WriteNotesAsync("a.csv", 60_000);
        File.AppendAllText(_inbox.PathOf("a.csv"), string.Concat(Enumerable.Repeat("x,bad\n", 20_000)));
        var result = await RunAsync(Pipeline(
            From.Csv<Note>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load => load.Quarantine(0.1).Checkpoint(mebibytes: 1))));

        result.Failure!.Class.Should().Be(FailureClass.Data);
        result.Failure.Message.Should().Contain($"Nothing after the {result.RowsWritten} rows that earlier checkpoints committed was loaded");
        (await TripsAsync("count(*)", "1"))[0][0].Should().Be(result.RowsWritten);
        (await _ledgers.Primary.ListLoadsAsync(limit: 1, cancellationToken: Token))[0].Status.Should().Be("failed");
    }

    [Fact]
    public void Checkpoints_are_not_for_tables_that_are_replaced() =>
        new PipelineBuilder("demo").Invoking(b => b.Ingest("trips", From.Csv<Trip>("lake", "*.csv")).Into("warehouse", "raw.trips", load => load.Replace().Checkpoint(1)))
            .Should().Throw<DataPlatformException>().And.Message.Should().Be("Step 'trips' replaces raw.trips and has checkpoints, but a table is replaced all at once.");

    [Fact]
    public async Task Every_type_arrives_in_the_table()
    {
        _inbox.With("a.csv", "flag,short,int,long,float,double,dec,text,bytes,day,time,at,moment,key\ntrue,1,2,3,0.5,0.25,1.25,é,\\xAB,2024-02-29,10:11:12,2024-02-29 10:00:00,2024-02-29T10:00:00+02:00,0f8fad5b-d9cb-469f-a165-70867728950e\n,,,,,,,,,,,,,\n");
        var pipeline = Pipeline(From.Csv<Everything>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table));
        (await RunAsync(pipeline)).RowsWritten.Should().Be(2);
        string[] columns = ["flag", "short", "int", "long", "float", "double", "dec", "text", "day", "time", "at", "key"];
        var rows = await TripsAsync($"{string.Join(" || ' ' || ", columns.Select(column => $"CAST({TableName.Quote(column)} AS text)"))} || ' ' || hex(bytes) || ' ' || epoch(moment)", "flag");
        rows.Select(row => row[0]).Should().Equal(["true 1 2 3 0.5 0.25 1.25 é 2024-02-29 10:11:12 2024-02-29 10:00:00 0f8fad5b-d9cb-469f-a165-70867728950e AB 1709193600.0", null]);
    }

    [Fact]
    public void A_pipeline_says_what_a_step_does_and_what_is_wrong_with_it()
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest("trips", From.Csv<Trip>("lake", "in/*.csv")).Into("warehouse", "raw.trips", load => load.Merge(t => t.TripId)).After();
        builder.Build().Steps[0].Should().Match<StepDefinition>(step => step.Kind == "ingest" && step.Description == "lake:in/*.csv → warehouse:raw.trips (merge on trip_id)");

        builder.Ingest("stray", From.Csv<Trip>("lake", "in/*.csv"));
        builder.Invoking(b => b.Build()).Should().Throw<DataPlatformException>().And.Message.Should().Be("Step 'stray' reads lake:in/*.csv but has no table to load into.");
        builder.Invoking(b => b.Ingest("x", From.Csv<Trip>("lake", "*")).Into("warehouse", "raw.trips", load => load.Merge("nothing")))
            .Should().Throw<DataPlatformException>().And.Message.Should().Be("The merge into raw.trips has the key 'nothing', which lake:* does not have.");
    }

    private static PipelineDefinition Pipeline<T>(ISource<T> source, Action<IngestBuilder<T>, TableName> into)
    {
        var builder = new PipelineBuilder("demo");
        into(builder.Ingest("trips", source), "raw.trips");
        return builder.Build();
    }

    private static PipelineDefinition Pipeline(ISource source, Action<IngestBuilder, TableName> into)
    {
        var builder = new PipelineBuilder("demo");
        into(builder.Ingest("trips", source), "raw.trips");
        return builder.Build();
    }

    private Task<StepResult> RunAsync(Action<LoadBuilder<Trip>> load) =>
        RunAsync(Pipeline(From.Csv<Trip>(_inbox.Store, "*.csv"), (step, table) => step.Into(_warehouse, table, load)));

    private async Task<StepResult> RunAsync(PipelineDefinition pipeline, CancellationToken? stop = null)
    {
        var result = await new PipelineRunner(_ledgers).RunAsync(pipeline, cancellationToken: stop ?? Token);
        return result.Steps.Should().ContainSingle().Subject;
    }

    private Task<List<object?[]>> TripsAsync(string columns, string order = "trip_id") => QueryAsync($"SELECT {columns} FROM raw.trips ORDER BY {order}");

    private async Task<bool> TableExistsAsync()
    {
        await using var transaction = await _warehouse.BeginAsync(Token);
        return await transaction.DescribeAsync("raw.trips", Token) is not null;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var transaction = await _warehouse.BeginAsync(Token);
        await transaction.ExecuteAsync(sql, cancellationToken: Token);
        await transaction.CommitAsync(Token);
    }

    /// <summary>Runs until so many rows were read, and stops in the middle.</summary>
    private async Task<StepResult> StopAfterAsync(PipelineDefinition pipeline, long rows)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var result = await new PipelineRunner(_ledgers, observers: [new Stopper(stop, rows)]).RunAsync(pipeline, cancellationToken: stop.Token);
        result.Status.Should().Be(RunStatus.Terminated);
        return result.Steps.Should().ContainSingle().Subject;
    }

    // One row in a thousand has a text that is too long.
    private static bool IsBad(long id) => id % 1000 == 7;

    private static string TextOf(long id) => IsBad(id) ? new string('x', 200) : $"note {id * 7919} of the row {id}";

    private async Task WriteNotesAsync(string key, int rows, int first = 0)
    {
        var ids = Enumerable.Range(first, rows);
        var csv = "id,text\n" + string.Concat(ids.Select(id => $"{id},{TextOf(id)}\n"));
        switch (Path.GetExtension(key))
        {
            case ".gz":
                _inbox.With(key, Inbox.Gzip(csv));
                break;
            case ".jsonl":
                _inbox.With(key, string.Concat(ids.Select(id => $"{{\"id\":{id},\"text\":\"{TextOf(id)}\"}}\n")));
                break;
            case ".parquet":
                _inbox.With("source.txt", csv);
                await using (var connection = await _warehouse.OpenConnectionAsync(Token))
                {
                    await using var command = connection.CreateCommand();
                    command.CommandText = $"COPY (FROM read_csv('{_inbox.PathOf("source.txt")}', header = true)) TO '{_inbox.PathOf(key)}' (FORMAT parquet, ROW_GROUP_SIZE 10000)";
                    await command.ExecuteNonQueryAsync(Token);
                }

                break;
            default:
                _inbox.With(key, csv);
                break;
        }
    }

    private sealed class Stopper(CancellationTokenSource stop, long rows) : IRunObserver
    {
        public void StepProgressed(RunInfo run, string step, long done, long? total, string? message)
        {
            if (long.Parse(message!.Split(' ')[0], System.Globalization.NumberStyles.AllowThousands, System.Globalization.CultureInfo.InvariantCulture) >= rows) stop.Cancel();
        }
    }

    private sealed record Note(long Id, [MaxLength(100)] string Text);

    private sealed record Trip(long TripId, [Range(0, double.MaxValue)] decimal Fare);

    private sealed record Named(long? Id, string Name);

    private sealed record Place(long Id, string City, int Rank, bool? Gone);

    private sealed record Everything(
        bool? Flag, short? Short, int? Int, long? Long, float? Float, double? Double, [Precision(10, 2)] decimal? Dec, string? Text, byte[]? Bytes, DateOnly? Day, TimeOnly? Time, DateTime? At,
        DateTimeOffset? Moment, Guid? Key);

    private sealed record Number(long Id);

    /// <summary>Gives five numbers more each time.</summary>
    private sealed class Counter : ISource<Number>
    {
        public string Description => "counter";

        public Contract? Contract { get; } = Contract.Of<Number>();

        public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            var batch = new RowBatchBuilder<Number>(context, "counter");
            var last = long.Parse(await context.FindCursorAsync("id", cancellationToken) ?? "0", System.Globalization.CultureInfo.InvariantCulture);
            for (var id = last + 1; id <= last + 5; id++) batch.Add(new Number(id));
            batch.SetCursor("id", $"{last + 5}");
            yield return batch.Take();
        }
    }

    /// <summary>A step whose lease is taken when its load begins, as it is in a warehouse that is not the one runs are recorded in.</summary>
    private sealed class StepOutsideOfRunner(IRunLedger ledger) : StepContext, IAsyncDisposable
    {
        private Lease? _lease;

        public override RunInfo Run { get; } = new("20260101-000000-00000001", "demo", "Test", new DateOnly(2026, 1, 1), null, null);

        public override string Step => "trips";

        public override int Attempt => 1;

        public override IServiceProvider Services { get; } = new ServiceCollection().BuildServiceProvider();

        public override ILogger Logger => NullLogger.Instance;

        public override RowCounter Rows { get; } = new();

        public override void ReportProgress(long done, long? total, string? message = null)
        {
        }

        public override void ReportLineage(LineageReport report)
        {
        }

        public override async Task<LoadTransaction> BeginLoadAsync(IWarehouse warehouse, TableName table, string disposition, CancellationToken cancellationToken)
        {
            return await ledger.BeginLoadAsync(Run, Step, table, disposition, await GetLeaseAsync(warehouse, cancellationToken), cancellationToken);
        }

        public override async Task<Lease> GetLeaseAsync(IWarehouse warehouse, CancellationToken cancellationToken) =>
            _lease ??= await ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.FromSeconds(10), cancellationToken);

        public override IRunLedger GetLedger(IWarehouse warehouse) => ledger;

        public override void SetOutput<T>(string name, T value, JsonTypeInfo<T> type) => throw new NotSupportedException();

        public override Task<T> GetOutputAsync<T>(string step, string name, JsonTypeInfo<T> type, CancellationToken cancellationToken) => throw new NotSupportedException();

        public async ValueTask DisposeAsync()
        {
            if (_lease is not null) await _lease.DisposeAsync();
        }
    }

    /// <summary>Tells when an object is opened, before it is.</summary>
    private sealed class ObservedStore(IObjectStore inner, Func<string, Task> opening) : IObjectStore
    {
        public string Name => inner.Name;

        public string Location => inner.Location;

        public IAsyncEnumerable<ObjectInfo> ListAsync(string glob, CancellationToken cancellationToken = default) => inner.ListAsync(glob, cancellationToken);

        public Task<ObjectInfo?> FindAsync(string key, CancellationToken cancellationToken = default) => inner.FindAsync(key, cancellationToken);

        public async Task<Stream> OpenReadAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
        {
            await opening(key);
            return await inner.OpenReadAsync(key, range, cancellationToken);
        }

        public Task<ObjectInfo> PutAsync(string key, Stream content, ObjectPutOptions? options = null, CancellationToken cancellationToken = default) => inner.PutAsync(key, content, options, cancellationToken);

        public Task DeleteAsync(string key, CancellationToken cancellationToken = default) => inner.DeleteAsync(key, cancellationToken);

        public Task CheckAsync(CancellationToken cancellationToken = default) => inner.CheckAsync(cancellationToken);
    }
}
