using System.ComponentModel.DataAnnotations;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CsCheck;
using DataPlatform.DuckDb;
using DataPlatform.Ingestion;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.ObjectStores.S3;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DataPlatform.Integration.Tests.Landing;

/// <summary>What landing promises, whatever the store and the warehouse.</summary>
public abstract class LandingConformance : IAsyncLifetime
{
    private RunLedgers _ledgers = null!;
    private ServiceProvider _services = null!;

    protected IObjectStore Store { get; private set; } = null!;

    protected IWarehouse Warehouse { get; private set; } = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        (Store, Warehouse) = (await OpenStoreAsync(), await OpenWarehouseAsync());
        _ledgers = new RunLedgers(Warehouse);
        _services = new ServiceCollection().AddSingleton(_ledgers).BuildServiceProvider();
    }

    public virtual async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _ledgers.DisposeAsync();
        await Warehouse.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected abstract Task<IObjectStore> OpenStoreAsync();

    protected abstract Task<IWarehouse> OpenWarehouseAsync();

    [Fact]
    public async Task Rows_go_by_way_of_files_that_a_manifest_names_with_hash_size_and_rows()
    {
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,1.50,Åre\n2,2.50,\nx,9,bad\n");
        (await LandAsync(load => load.Merge("trip_id").Quarantine(0.5))).Should().Match<StepResult>(r => r.Status == RunStatus.Succeeded && r.RowsWritten == 2 && r.RowsRejected == 1);
        await PutAsync("inbox/b.csv", "trip_id,fare,station\n2,20,Oslo\n3,3,\n");
        (await LandAsync(load => load.Merge("trip_id").Quarantine(0.5))).RowsWritten.Should().Be(2);
        (await LandAsync(load => load.Merge("trip_id").Quarantine(0.5))).RowsRead.Should().Be(0);

        (await QueryAsync("SELECT trip_id, fare, station FROM raw.trips ORDER BY trip_id")).ShouldEqual([[1L, 1.50m, "Åre"], [2L, 20m, "Oslo"], [3L, 3m, null]]);
        var loads = (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Cancelled)).Reverse().ToList();
        var manifests = await ManifestsAsync();
        manifests.Keys.Should().Equal(loads.Select(load => $"landing/trips/_manifests/demo.trips-{load.LoadId:D10}.json"));
        foreach (var (manifest, load) in manifests.Values.Zip(loads))
        {
            manifest.GetProperty("load_id").GetInt64().Should().Be(load.LoadId);
            manifest.GetProperty("run_id").GetString().Should().Be(load.RunId);
            manifest.GetProperty("table").GetString().Should().Be("warehouse:raw.trips");
            manifest.GetProperty("contract_version").GetString().Should().Be(Contract.Of<Trip>().With(c => c.Name == "trip_id" ? c.AsRequired() : c).Version);
            manifest.GetProperty("rows").GetInt64().Should().Be(2);
            var file = manifest.GetProperty("files").EnumerateArray().Should().ContainSingle().Subject;
            var path = file.GetProperty("path").GetString()!;
            path.Should().Be($"landing/trips/ingest_date={(await _ledgers.Primary.FindRunAsync(load.RunId, Cancelled))!.Run.LogicalDate:yyyy-MM-dd}/demo.trips-{load.LoadId:D10}-00001.parquet");
            var content = await ReadAsync(path);
            (file.GetProperty("bytes").GetInt64(), file.GetProperty("sha256").GetString()).Should().Be((content.Length, Convert.ToHexStringLower(SHA256.HashData(content))));
        }

        manifests.Values.First().GetProperty("columns").EnumerateArray().Select(c => $"{c.GetProperty("name")} {c.GetProperty("type")} {c.GetProperty("nullable")}")
            .Should().Equal("trip_id int64 False", "fare decimal(10,2) False", "station text True");
        manifests.Values.Select(m => m.GetProperty("schema_hash").GetString()).Distinct().Should().ContainSingle().Which.Should().HaveLength(64);
    }

    [Fact]
    public async Task Every_type_goes_by_way_of_files_unchanged() => await EveryType.Rows(0, 60).SampleAsync(
        async rows =>
        {
            var table = new TableName("raw", $"t{Guid.NewGuid():N}");
            var result = await RunAsync(p => p.Ingest(table.Name[..20], new Batches(rows)).Into(Warehouse, table, load => load.LandIn(Store, $"landing/{table.Name}")));
            result.Failure.Should().BeNull();
            if (rows.Count == 0) return;
            await using var transaction = await Warehouse.BeginAsync(Cancelled);
            var read = await Warehouse.ReadAsync($"SELECT * FROM {table.ToSql()} ORDER BY id", cancellationToken: Cancelled).ToRowsAsync();
            read.ConvertAll(row => row[..^1]).ShouldEqual(rows);
        },
        iter: 12, threads: 1);

    [Fact]
    public async Task An_object_that_was_changed_is_refused_and_nothing_is_loaded()
    {
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,1.50,\n");
        byte[]? landed = null;
        var store = new MeddledStore(Store) { Read = (key, content) => key.EndsWith(".parquet", StringComparison.Ordinal) ? [.. (landed = content)[..^1], 0] : content };
        var failure = (await LandAsync(load => load.Append(), store)).Failure!;
        failure.Class.Should().Be(FailureClass.Data);
        var (was, isNow) = (Convert.ToHexStringLower(SHA256.HashData(landed!)), Convert.ToHexStringLower(SHA256.HashData([.. landed![..^1], 0])));
        failure.Message.Should().MatchRegex($@"^lake:landing/trips/ingest_date=[-0-9]+/demo\.trips-\d{{10}}-00001\.parquet is not what was landed: its SHA-256 is {isNow}, and landing/trips/_manifests/demo\.trips-\d{{10}}\.json says {was}\. Nothing of it was loaded\.$");
        (await QueryAsync("SELECT count(*) FROM dataplatform.loads")).ShouldEqual([[0L]]);
        (await KeysAsync()).Should().BeEmpty("a failed load takes back what it landed");

        (await LandAsync(load => load.Append())).RowsWritten.Should().Be(1);
    }

    [Fact]
    public async Task What_is_rejected_too_often_is_not_landed()
    {
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,1.50,\nx,2,\n");
        var result = await LandAsync(load => load.Append());
        (result.Status, result.RowsRejected).Should().Be((RunStatus.Failed, 1L));
        (await KeysAsync()).Should().BeEmpty();
        (await QueryAsync("SELECT reason FROM dataplatform.quarantine")).ShouldEqual([["'x' is not an int64"]]);
    }

    [Fact]
    public async Task What_a_killed_process_left_is_removed_by_the_next_run_and_what_others_left_is_not()
    {
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,1.50,\n");
        await ExecuteAsync("CREATE SCHEMA raw");
        await ExecuteAsync("CREATE TABLE raw.trips (trip_id bigint NOT NULL, fare numeric(10,2) NOT NULL CHECK (fare < 1), station text, _load_id bigint)");
        (await LandAsync(load => load.Append(), new MeddledStore(Store) { CanDelete = false })).Status.Should().Be(RunStatus.Failed);
        var left = await KeysAsync();
        left.Select(KindOf).Should().BeEquivalentTo("file", "manifest", "mark");
        await PutAsync("landing/trips/_manifests/demo.trips-0000009999.json", (await ManifestTextsAsync())[0].Replace("\"run_id\": \"", "\"run_id\": \"other-", StringComparison.Ordinal));

        await ExecuteAsync("DROP TABLE raw.trips");
        (await LandAsync(load => load.Append())).RowsWritten.Should().Be(1);
        var keys = await KeysAsync();
        keys.Should().HaveCount(3).And.Contain("landing/trips/_manifests/demo.trips-0000009999.json");
        keys.Where(key => KindOf(key) == "manifest" && !key.Contains("9999", StringComparison.Ordinal)).Should().ContainSingle()
            .Which.Should().Contain($"{(await _ledgers.Primary.ListLoadsAsync(cancellationToken: Cancelled))[0].LoadId:D10}");
    }

    [Fact]
    public async Task Files_that_a_killed_process_left_without_a_manifest_are_removed_by_the_next_run_and_those_of_others_are_not()
    {
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,1.50,\n");
        (await LandAsync(load => load.Append(), new MeddledStore(Store) { CanPut = key => KindOf(key) != "manifest", CanDelete = false })).Status.Should().Be(RunStatus.Failed);
        var left = await KeysAsync();
        left.Select(KindOf).Should().BeEquivalentTo("file", "mark");
        await PutAsync("landing/trips/_landing/demo.trips-0000009999.json", """{ "run_id": "of another ledger" }""");
        await PutAsync("landing/trips/ingest_date=2026-01-31/demo.trips-0000009999-00001.parquet", "theirs");

        (await LandAsync(load => load.Append())).RowsWritten.Should().Be(1);
        var id = (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Cancelled))[0].LoadId;
        var keys = await KeysAsync();
        keys.Should().HaveCount(4).And.NotContain(left);
        keys.Where(key => key.Contains($"demo.trips-{id:D10}", StringComparison.Ordinal)).Select(KindOf).Should().BeEquivalentTo("file", "manifest");
        keys.Count(key => key.Contains("demo.trips-0000009999", StringComparison.Ordinal)).Should().Be(2);
    }

    [Fact]
    public async Task A_mark_that_could_not_be_removed_goes_with_the_next_run_and_what_it_marks_stays()
    {
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,1.50,\n");
        (await LandAsync(load => load.Append(), new MeddledStore(Store) { CanDelete = false })).RowsWritten.Should().Be(1);
        (await KeysAsync()).Should().HaveCount(3);

        await PutAsync("inbox/b.csv", "trip_id,fare,station\n2,1.50,\n");
        var store = new MeddledStore(Store);
        (await LandAsync(load => load.Append(), store)).RowsWritten.Should().Be(1);
        store.Globs.Should().NotContain(glob => glob.Contains("_manifests", StringComparison.Ordinal), "there is one of each load that ever was");
        (await KeysAsync()).Should().HaveCount(4).And.NotContain(key => KindOf(key) == "mark");
        (await ReconcileAsync()).Should().BeEquivalentTo(new ReconciledStep("demo", "trips", "lake:landing/trips", 2, 2, 2, []));
    }

    [Fact]
    public async Task Rows_stay_in_the_lake_and_another_step_loads_them_once()
    {
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,1.50,Åre\n");
        PipelineRunResult Check(PipelineRunResult result)
        {
            result.Steps.Select(step => step.Failure?.Message).Should().AllSatisfy(message => message.Should().BeNull());
            return result;
        }

        void Define(PipelineBuilder p)
        {
            p.Ingest("land", From.Csv<Trip>(Store, "inbox/*.csv")).IntoLake(Store, "landing/trips", lake => lake.Quarantine(0.5));
            p.Ingest("load", From.Landing<Trip>(Store, "landing/trips")).Into(Warehouse, "raw.trips", load => load.Merge(t => t.TripId)).After("land");
            p.Ingest("look", From.Landing(Store, "landing/trips")).Into(Warehouse, "raw.seen").After("land");
        }

        Check(await RunPipelineAsync(Define)).Steps.Select(step => step.RowsWritten).Should().Equal(1, 1, 1);
        await PutAsync("inbox/b.csv", "trip_id,fare,station\n2,2,\nx,2,\n");
        Check(await RunPipelineAsync(Define)).Steps.Select(step => step.RowsWritten).Should().Equal(1, 1, 1);
        Check(await RunPipelineAsync(Define)).Steps.Select(step => step.RowsRead).Should().Equal(0, 0, 0);

        (await QueryAsync("SELECT trip_id, fare, station FROM raw.trips ORDER BY trip_id")).ShouldEqual([[1L, 1.50m, "Åre"], [2L, 2m, null]]);
        (await QueryAsync("SELECT trip_id, fare, station FROM raw.seen ORDER BY trip_id")).ShouldEqual([[1L, 1.50m, "Åre"], [2L, 2m, null]]);
        (await QueryAsync("SELECT table_name, disposition, status, rows_written, rows_rejected FROM dataplatform.loads WHERE step = 'land' ORDER BY load_id"))
            .ShouldEqual([["lake.landing/trips", "land", "committed", 1L, 0L], ["lake.landing/trips", "land", "committed", 1L, 1L]]);
    }

    [Fact]
    public async Task A_file_is_stored_while_the_next_is_written_and_what_cannot_be_stored_takes_back_the_others()
    {
        var csv = new StringBuilder("trip_id,fare,station\n");
        for (var i = 0; i < 200_000; i++) csv.Append($"{i},1.25,station {i * 7919L % 1_000_003}\n");
        await PutAsync("inbox/a.csv", csv.ToString());
        var options = new LandingOptions { FileMebibytes = 1, Parquet = new ParquetWriterOptions { Compression = ParquetCompression.None, RowGroupBytes = 1 << 20 } };
        Task<StepResult> LoadAsync(IObjectStore store) => RunAsync(p => p.Ingest("trips", From.Csv<Trip>(Store, "inbox/*.csv")).Into(Warehouse, "raw.trips", load => load.LandIn(store, "landing/trips", options)));

        var refused = await LoadAsync(new MeddledStore(Store) { CanPut = key => !key.EndsWith("-00003.parquet", StringComparison.Ordinal) });
        refused.Failure!.Class.Should().Be(FailureClass.NotAuthorized);
        (await KeysAsync()).Should().BeEmpty();

        var second = new TaskCompletionSource();
        var store = new MeddledStore(Store)
        {
            Putting = async key =>
            {
                if (key.EndsWith("-00002.parquet", StringComparison.Ordinal)) second.SetResult();
                if (key.EndsWith("-00001.parquet", StringComparison.Ordinal)) await second.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancelled);
            },
        };
        (await LoadAsync(store)).RowsWritten.Should().Be(200_000);
        (await ManifestsAsync()).Should().ContainSingle().Which.Value.GetProperty("files").EnumerateArray().Select(file => file.GetProperty("path").GetString()).Should().HaveCountGreaterThan(3).And.BeInAscendingOrder();
    }

    [Fact]
    public async Task Files_end_at_their_size_and_parts_of_a_long_load_have_manifests_of_their_own()
    {
        const int Count = 500_000;
        var csv = new StringBuilder("trip_id,fare,station\n");
        for (var i = 0; i < Count; i++) csv.Append($"{i},{i % 1000}.25,station {i * 7919L % 1_000_003} of the line\n");
        await PutAsync("inbox/a.csv", csv.ToString());
        var options = new LandingOptions { FileMebibytes = 1, Parquet = new ParquetWriterOptions { Compression = ParquetCompression.None, RowGroupBytes = 1 << 20 } };
        (await RunAsync(p => p.Ingest("trips", From.Csv<Trip>(Store, "inbox/*.csv")).Into(Warehouse, "raw.trips", load => load.LandIn(Store, "landing/trips", options).Checkpoint(10)))).Failure.Should().BeNull();
        (await QueryAsync("SELECT count(*), sum(trip_id), sum(fare), sum(length(station)) FROM raw.trips"))[0].Select(v => Convert.ToDecimal(v, System.Globalization.CultureInfo.InvariantCulture))
            .Should().Equal(Count, Enumerable.Range(0, Count).Sum(i => (decimal)i), Enumerable.Range(0, Count).Sum(i => (i % 1000) + 0.25m), Enumerable.Range(0, Count).Sum(i => (decimal)$"station {i * 7919L % 1_000_003} of the line".Length));
        var manifests = await ManifestsAsync();
        manifests.Count.Should().BeGreaterThan(1);
        var files = manifests.Values.SelectMany(m => m.GetProperty("files").EnumerateArray()).ToList();
        files.Count.Should().BeGreaterThan(manifests.Count);
        files.Sum(file => file.GetProperty("rows").GetInt64()).Should().Be(Count);
    }

    [Fact]
    public async Task Files_lie_in_folders_by_columns_with_which_they_are_read_back_and_reconciled()
    {
        await PutAsync("inbox/a.csv", """
            id,city,day,is_member,amount
            1,Oslo,2026-01-31,true,1.5
            2,São Paulo,2026-02-01,true,2
            3,Oslo,2026-01-31,false,3
            4,,2026-01-31,true,4
            5,"",2026-01-31,true,5
            6,"a/b=c%d: ?*[^]{}#'","2026-01-31",true,6
            7,Oslo,2026-01-31,true,7
            8,~ +&é✓,,true,8
            """);
        await PutAsync("inbox/b.csv", "id,city,day,is_member,amount\n9,Oslo,2026-01-31,true,9\n");
        var options = new LandingOptions { PartitionBy = ["City", LandingOptions.IngestDate, "day", "IsMember"] };
        var result = await RunPipelineAsync(p =>
        {
            p.Ingest("land", From.Csv<Visit>(Store, "inbox/*.csv")).IntoLake(Store, "landing/visits", lake => lake.Files(options));
            p.Ingest("load", From.Landing<Visit>(Store, "landing/visits")).Into(Warehouse, "raw.visits").After("land");
        });
        result.Steps.Should().OnlyContain(step => step.RowsWritten == 9);
        var date = (await _ledgers.Primary.FindRunAsync(result.Run.RunId, Cancelled))!.Run.LogicalDate;
        (await QueryAsync("SELECT id, city, day, is_member, amount FROM raw.visits ORDER BY id")).Select(row => string.Join('|', row.Select(v => v is DateOnly d ? $"{d:yyyy-MM-dd}" : $"{v ?? "NULL"}")))
            .Should().Equal(
                "1|Oslo|2026-01-31|True|1.50", "2|São Paulo|2026-02-01|True|2.00", "3|Oslo|2026-01-31|False|3.00", "4|NULL|2026-01-31|True|4.00", "5||2026-01-31|True|5.00",
                "6|a/b=c%d: ?*[^]{}#'|2026-01-31|True|6.00", "7|Oslo|2026-01-31|True|7.00", "8|~ +&é✓|NULL|True|8.00", "9|Oslo|2026-01-31|True|9.00");

        var manifest = (await ManifestsAsync()).Should().ContainSingle().Subject.Value;
        manifest.GetProperty("partition_by").EnumerateArray().Select(name => name.GetString()).Should().Equal("city", "ingest_date", "day", "is_member");
        var files = manifest.GetProperty("files").EnumerateArray().Select(f => (Path: f.GetProperty("path").GetString()!, Rows: f.GetProperty("rows").GetInt64(), Sha256: f.GetProperty("sha256").GetString())).ToList();
        files.Select(file => (System.IO.Path.GetDirectoryName(file.Path)!.Replace($"ingest_date={date:yyyy-MM-dd}", "ingest_date=…", StringComparison.Ordinal), file.Rows)).Should().Equal(
            ("landing/visits/city=Oslo/ingest_date=…/day=2026-01-31/is_member=true", 3),
            ("landing/visits/city=São Paulo/ingest_date=…/day=2026-02-01/is_member=true", 1),
            ("landing/visits/city=Oslo/ingest_date=…/day=2026-01-31/is_member=false", 1),
            ("landing/visits/city=__HIVE_DEFAULT_PARTITION__/ingest_date=…/day=2026-01-31/is_member=true", 2),
            ("landing/visits/city=a%2Fb%3Dc%25d%3A %3F%2A%5B%5E%5D%7B}%23%27/ingest_date=…/day=2026-01-31/is_member=true", 1),
            ("landing/visits/city=~ +&é✓/ingest_date=…/day=__HIVE_DEFAULT_PARTITION__/is_member=true", 1));
        foreach (var (path, _, sha256) in files) sha256.Should().Be(Convert.ToHexStringLower(SHA256.HashData(await ReadAsync(path))));

        // With the values of the paths, as readers of lakes take them.
        using var copy = new ScratchFolder();
        foreach (var (path, _, _) in files)
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy.Combine(path))!);
            await File.WriteAllBytesAsync(copy.Combine(path), await ReadAsync(path), Cancelled);
        }

        await using var duckDb = new DuckDbWarehouse("reader", $"DataSource={copy.Combine("reader.duckdb")}");
        await using var reader = await duckDb.BeginAsync(Cancelled);
        (await reader.QueryAsync($"SELECT id, city, CAST(day AS VARCHAR), CAST(ingest_date AS VARCHAR), amount FROM read_parquet('{copy.Path}/landing/**/*.parquet', hive_partitioning = true) WHERE is_member ORDER BY id", cancellationToken: Cancelled)).ToList().ShouldEqual(
        [
            [1, "Oslo", "2026-01-31", $"{date:yyyy-MM-dd}", 1.5m], [2, "São Paulo", "2026-02-01", $"{date:yyyy-MM-dd}", 2m], [4, null, "2026-01-31", $"{date:yyyy-MM-dd}", 4m], [5, null, "2026-01-31", $"{date:yyyy-MM-dd}", 5m],
            [6, "a/b=c%d: ?*[^]{}#'", "2026-01-31", $"{date:yyyy-MM-dd}", 6m], [7, "Oslo", "2026-01-31", $"{date:yyyy-MM-dd}", 7m], [8, "~ +&é✓", null, $"{date:yyyy-MM-dd}", 8m], [9, "Oslo", "2026-01-31", $"{date:yyyy-MM-dd}", 9m],
        ]);

        var builder = new PipelineBuilder("demo");
        builder.Ingest("land", From.Csv<Visit>(Store, "inbox/*.csv")).IntoLake(Store, "landing/visits");
        var reconcile = builder.Build().Steps[0].Commands.OfType<ReconcileCommand>().Single();
        (await reconcile.ReconcileAsync("demo", _services, Cancelled)).Should().BeEquivalentTo(new ReconciledStep("demo", "land", "lake:landing/visits", 1, 6, 9, []));
        await PutAsync(files[4].Path.Replace("-00005.", "-00009.", StringComparison.Ordinal), "left");
        (await reconcile.ReconcileAsync("demo", _services, Cancelled))!.Differences.Should().Equal($"{files[4].Path.Replace("-00005.", "-00009.", StringComparison.Ordinal)} is in no manifest");
    }

    [Fact]
    public async Task Every_type_goes_by_way_of_folders_unchanged() => await EveryType.Rows(1, 60).SampleAsync(
        async rows =>
        {
            var table = new TableName("raw", $"t{Guid.NewGuid():N}");
            foreach (var row in rows) row[EveryType.Schema.GetFieldIndex("required")] = (int)((long)row[0]! * 7 % 3);
            foreach (var row in rows) row[EveryType.Schema.GetFieldIndex("uuid")] = (long)row[0]! % 2 == 0 ? null : Guid.Parse("6f9619ff-8b86-d011-b42d-00c04fc964ff");
            var options = new LandingOptions { PartitionBy = ["required", "uuid"] };
            var result = await RunAsync(p => p.Ingest(table.Name[..20], new Batches(rows)).Into(Warehouse, table, load => load.LandIn(Store, $"landing/{table.Name}", options)));
            result.Failure.Should().BeNull();
            (await Store.ListAsync($"landing/{table.Name}/required=0/uuid=__HIVE_DEFAULT_PARTITION__/*", Cancelled).CountAsync(Cancelled)).Should().Be(1);
            if (rows.Count > 1) (await Store.ListAsync($"landing/{table.Name}/required=1/uuid=6f9619ff-8b86-d011-b42d-00c04fc964ff/*", Cancelled).CountAsync(Cancelled)).Should().Be(1);
            var read = await Warehouse.ReadAsync($"SELECT * FROM {table.ToSql()} ORDER BY id", cancellationToken: Cancelled).ToRowsAsync();
            read.ConvertAll(row => row[..^1]).ShouldEqual(rows);
        },
        iter: 3, threads: 1);

    [Fact]
    public async Task Rows_in_any_order_of_folders_make_few_files_and_what_was_killed_is_removed_from_all_of_them()
    {
        // More than waits on disk at a time.
        const int Count = 10_000;
        var note = new string('-', 1000);
        var csv = new StringBuilder("id,station,note\n");
        for (var i = 0; i < Count; i++) csv.Append($"{i},station {i * 7919L % 4},{note}\n");
        await PutAsync("inbox/a.csv", csv.ToString());
        var options = new LandingOptions { PartitionBy = ["station"], FileMebibytes = 1 };
        Task<StepResult> LandAsync(IObjectStore store, LandingOptions options) => RunAsync(p => p.Ingest("trips", From.Csv(Store, "inbox/*.csv")).Into(Warehouse, "raw.trips", load => load.LandIn(store, "landing/trips", options)));

        (await LandAsync(new MeddledStore(Store) { CanPut = key => KindOf(key) != "manifest", CanDelete = false }, options)).Status.Should().Be(RunStatus.Failed);
        var left = await KeysAsync();
        left.Where(key => KindOf(key) == "file").Select(System.IO.Path.GetDirectoryName).Distinct().Should().Equal(Enumerable.Range(0, 4).Select(i => $"landing/trips/station=station {i}"));

        (await LandAsync(Store, options with { PartitionBy = [LandingOptions.IngestDate, "station"] })).RowsWritten.Should().Be(Count);
        (await KeysAsync()).Should().HaveCount(9, "the disk was full once").And.NotIntersectWith(left);
        (await QueryAsync("SELECT count(*), sum(id), sum(length(note)) FROM raw.trips"))[0].Select(v => Convert.ToInt64(v, System.Globalization.CultureInfo.InvariantCulture)).Should().Equal(Count, Count * (Count - 1L) / 2, Count * 1000L);
    }

    [Fact]
    public async Task What_cannot_be_a_folder_is_refused_with_column_and_value()
    {
        async Task<DataPlatformException> FailAsync(string csv, LandingOptions options)
        {
            await PutAsync("inbox/a.csv", csv);
            var failure = (await RunAsync(p => p.Ingest("trips", From.Csv(Store, "inbox/*.csv")).IntoLake(Store, "landing/trips", lake => lake.Files(options)))).Failure!;
            (await KeysAsync()).Should().BeEmpty();
            return new DataPlatformException(failure.Class, failure.Message, failure.Hint);
        }

        var many = await FailAsync("id\n1\n2\n3\n", new LandingOptions { PartitionBy = ["id"], MaxPartitions = 2 });
        (many.FailureClass, many.Message).Should().Be((FailureClass.Data, "lake:landing/trips is partitioned by id, of which the load has more than 2 different values: id=1, id=2, id=3, …"));
        many.Hint.Should().Contain("MaxPartitions");
        (await FailAsync($"station\n{new string('x', 300)}\n", new LandingOptions { PartitionBy = ["station"] })).Message
            .Should().Be($"Files are landed by the column 'station', and it has '{new string('x', 40)}…', which is longer than a folder's name may be (255 bytes).");
        var missing = await FailAsync("id,city\n1,Oslo\n", new LandingOptions { PartitionBy = ["town"] });
        (missing.FailureClass, missing.Message, missing.Hint).Should().Be((FailureClass.Configuration, "lake:landing/trips is partitioned by 'town', which is not one of the columns of lake:inbox/*.csv.", "They are: id, city."));
        (await FailAsync("id,amount\n1,1.5\n", new LandingOptions { PartitionBy = ["amount"] })).Message
            .Should().Be("lake:landing/trips is partitioned by 'amount', which is double: readers do not agree on how its values are written as text.");

        var builder = new PipelineBuilder("demo");
        var ingest = builder.Ingest("trips", From.Csv<Trip>(Store, "inbox/*.csv"));
        FluentActions.Invoking(() => ingest.IntoLake(Store, "landing/trips", lake => lake.Files(new LandingOptions { PartitionBy = ["fare"] }))).Should().Throw<DataPlatformException>().WithMessage("*'fare', which is decimal(10,2)*");
        FluentActions.Invoking(() => new LandingOptions { PartitionBy = ["a", "a"] }.Validate()).Should().Throw<ArgumentException>().WithMessage("*'a', 'a'*");
    }

    [Fact]
    public async Task A_merge_that_goes_by_the_order_of_rows_is_refused_when_folders_lose_it()
    {
        var byStation = new LandingOptions { PartitionBy = ["station"] };
        void Define(PipelineBuilder p, Action<LoadBuilder> configure) => p.Ingest("trips", (ISource)From.Csv<Trip>(Store, "inbox/*.csv")).Into(Warehouse, "raw.trips", load => configure(load.LandIn(Store, "landing/trips", byStation)));
        FluentActions.Invoking(() => Define(new PipelineBuilder("demo"), load => load.Merge("trip_id"))).Should().Throw<DataPlatformException>()
            .WithMessage("lake:landing/trips is partitioned by 'station', and merged by trip_id: of rows with one key in different folders it is not known which came last.");
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,3,A\n2,1,B\n1,2,B\n");
        (await RunAsync(p => Define(p, load => load.Merge("trip_id").LatestBy("fare")))).Failure.Should().BeNull();
        (await QueryAsync("SELECT trip_id, fare, station FROM raw.trips ORDER BY trip_id")).ShouldEqual([[1L, 3m, "A"], [2L, 1m, "B"]]);

        var loaded = await RunPipelineAsync(p => p.Ingest("load", From.Landing<Trip>(Store, "landing/trips")).Into(Warehouse, "raw.others", load => load.Merge(t => t.TripId)));
        loaded.Steps[0].Failure!.Message.Should().MatchRegex(@"^lake:landing/trips/_manifests/demo\.trips-\d+\.json is partitioned by 'station', and merged by trip_id");
        (await RunPipelineAsync(p => p.Ingest("load", From.Landing<Trip>(Store, "landing/trips")).Into(Warehouse, "raw.others", load => load.DeleteInsert(t => t.TripId)))).Steps[0].RowsWritten.Should().Be(3);
    }

    [Fact]
    public async Task Reconciling_names_every_difference_between_lake_ledger_and_table()
    {
        foreach (var name in new[] { "a", "b", "c" })
        {
            await PutAsync($"inbox/{name}.csv", $"trip_id,fare,station\n{name[0] - 'a' + 1},1.50,{name}\n{name[0] - 'a' + 11},2,\n");
            (await LandAsync(load => load.Append())).RowsWritten.Should().Be(2);
        }

        var ids = (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Cancelled)).Select(load => load.LoadId).Reverse().ToList();
        (await ReconcileAsync()).Should().BeEquivalentTo(new ReconciledStep("demo", "trips", "lake:landing/trips", 3, 3, 6, []));

        var files = (await KeysAsync()).Where(key => key.EndsWith(".parquet", StringComparison.Ordinal)).ToList();
        var was = Convert.ToHexStringLower(SHA256.HashData(await ReadAsync(files[1])));
        await Store.DeleteAsync(files[0], Cancelled);
        await PutAsync(files[1], "changed");
        await PutAsync(files[1].Replace("-00001.", "-00002.", StringComparison.Ordinal), "left");
        await Store.DeleteAsync($"landing/trips/_manifests/demo.trips-{ids[2]:D10}.json", Cancelled);
        await ExecuteAsync("DELETE FROM raw.trips WHERE trip_id = 2");
        await ExecuteAsync($"UPDATE dataplatform.loads SET rows_read = 5, rows_written = 5 WHERE load_id = {ids[0]}");
        await PutAsync("landing/trips/_manifests/demo.trips-0000009999.json", """
            { "version": 1, "pipeline": "demo", "step": "trips", "run_id": "x", "load_id": 9999, "contract_version": "", "schema_hash": "", "columns": [], "landed_at": "2026-01-31T00:00:00Z", "rows": 0, "files": [] }
            """);
        (await ReconcileAsync()).Differences.Should().BeEquivalentTo(
            $"load {ids[2]} is committed and has no manifest",
            "the manifest of load 9999 has no committed load",
            $"load {ids[0]} landed 2 rows, and the ledger says 5",
            $"{files[0]} of load {ids[0]} is missing",
            $"{files[1]} of load {ids[1]} was changed: its SHA-256 is {Convert.ToHexStringLower(SHA256.HashData("changed"u8))}, and was {was}",
            $"raw.trips has 2 rows of load {ids[0]}, and the ledger says 5",
            $"raw.trips has 1 rows of load {ids[1]}, and the ledger says 2",
            $"{files[1].Replace("-00001.", "-00002.", StringComparison.Ordinal)} is in no manifest",
            $"{files[2]} is in no manifest");
    }

    [Fact]
    public async Task What_a_load_landed_that_was_undone_counts_no_more_and_goes_with_the_next_run()
    {
        await PutAsync("inbox/a.csv", "trip_id,fare,station\n1,1.50,\n");
        await LandAsync(load => load.Append());
        var first = (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Cancelled))[0].LoadId;
        await _ledgers.Primary.UndoLoadAsync(first, TimeSpan.Zero, Cancelled);
        (await ReconcileAsync()).Should().BeEquivalentTo(new ReconciledStep("demo", "trips", "lake:landing/trips", 0, 0, 0, []));

        (await LandAsync(load => load.Append())).RowsWritten.Should().Be(1, "its file is read again");
        var second = (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Cancelled))[0].LoadId;
        (await KeysAsync()).Should().HaveCount(2).And.OnlyContain(key => key.Contains($"demo.trips-{second:D10}", StringComparison.Ordinal));
        (await ReconcileAsync()).Should().BeEquivalentTo(new ReconciledStep("demo", "trips", "lake:landing/trips", 1, 1, 1, []));
    }

    private async Task<ReconciledStep> ReconcileAsync()
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest("trips", From.Csv<Trip>(Store, "inbox/*.csv")).Into(Warehouse, "raw.trips", load => load.LandIn(Store, "landing/trips"));
        return (await builder.Build().Steps[0].Commands.OfType<ReconcileCommand>().Single().ReconcileAsync("demo", _services, Cancelled))!;
    }

    protected async Task PutAsync(string key, string content)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(content));
        await Store.PutAsync(key, stream, cancellationToken: Cancelled);
    }

    private async Task<byte[]> ReadAsync(string key)
    {
        await using var content = await Store.OpenReadAsync(key, cancellationToken: Cancelled);
        using var copy = new MemoryStream();
        await content.CopyToAsync(copy, Cancelled);
        return copy.ToArray();
    }

    private async Task<List<string>> KeysAsync() => await Store.ListAsync("landing/**", Cancelled).Select(info => info.Key).ToListAsync(Cancelled);

    private static string KindOf(string key) => key.Contains("/_landing/", StringComparison.Ordinal) ? "mark" : key.Contains("/_manifests/", StringComparison.Ordinal) ? "manifest" : "file";

    private async Task<List<string>> ManifestTextsAsync()
    {
        var texts = new List<string>();
        foreach (var key in (await KeysAsync()).Where(key => KindOf(key) == "manifest")) texts.Add(Encoding.UTF8.GetString(await ReadAsync(key)));
        return texts;
    }

    private async Task<Dictionary<string, JsonElement>> ManifestsAsync()
    {
        var manifests = new Dictionary<string, JsonElement>();
        foreach (var key in (await KeysAsync()).Where(key => KindOf(key) == "manifest")) manifests.Add(key, JsonDocument.Parse(await ReadAsync(key)).RootElement);
        return manifests;
    }

    private Task<StepResult> LandAsync(Action<LoadBuilder> configure, IObjectStore? store = null) => RunAsync(p => p.Ingest("trips", (ISource)From.Csv<Trip>(Store, "inbox/*.csv"))
        .Into(Warehouse, "raw.trips", load => configure(load.LandIn(store ?? Store, "landing/trips/"))));

    private async Task<StepResult> RunAsync(Action<PipelineBuilder> define) => (await RunPipelineAsync(define)).Steps.Should().ContainSingle().Subject;

    private async Task<PipelineRunResult> RunPipelineAsync(Action<PipelineBuilder> define)
    {
        var builder = new PipelineBuilder("demo");
        define(builder);
        return await new PipelineRunner(_ledgers, _services).RunAsync(builder.Build(), cancellationToken: Cancelled);
    }

    private async Task<List<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        return [.. await transaction.QueryAsync(sql, cancellationToken: Cancelled)];
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await transaction.ExecuteAsync(sql, cancellationToken: Cancelled);
        await transaction.CommitAsync(Cancelled);
    }

    private sealed record Trip(long TripId, [Precision(10, 2)] decimal Fare, [MaxLength(100)] string? Station);

    private sealed record Visit(int Id, string? City, DateOnly? Day, bool IsMember, [Precision(10, 2)] decimal Amount);

    private sealed class Batches(List<object?[]> rows) : ISource
    {
        public string Description => "rows";

        public Contract? Contract { get; } = new([.. EveryType.Schema.FieldsList.Select(field => new ContractColumn(field))]);

        public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.Yield();
            if (rows.Count > 0) yield return new SourceBatch(RecordBatches.Create(EveryType.Schema, rows));
        }
    }

    private sealed class MeddledStore(IObjectStore inner) : IObjectStore
    {
        public Func<string, byte[], byte[]>? Read { get; init; }

        public bool CanDelete { get; init; } = true;

        public Func<string, bool> CanPut { get; init; } = _ => true;

        public Func<string, Task> Putting { get; init; } = _ => Task.CompletedTask;

        public List<string> Globs { get; } = [];

        public string Name => inner.Name;

        public string Location => inner.Location;

        public IAsyncEnumerable<ObjectInfo> ListAsync(string glob, CancellationToken cancellationToken = default)
        {
            Globs.Add(glob);
            return inner.ListAsync(glob, cancellationToken);
        }

        public Task<ObjectInfo?> FindAsync(string key, CancellationToken cancellationToken = default) => inner.FindAsync(key, cancellationToken);

        public async Task<Stream> OpenReadAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
        {
            if (Read is null) return await inner.OpenReadAsync(key, range, cancellationToken);
            await using var content = await inner.OpenReadAsync(key, range, cancellationToken);
            using var copy = new MemoryStream();
            await content.CopyToAsync(copy, cancellationToken);
            return new MemoryStream(Read(key, copy.ToArray()));
        }

        public async Task<ObjectInfo> PutAsync(string key, Stream content, ObjectPutOptions? options = null, CancellationToken cancellationToken = default)
        {
            if (!CanPut(key)) throw new ObjectStoreException(FailureClass.NotAuthorized, "No.");
            await Putting(key);
            return await inner.PutAsync(key, content, options, cancellationToken);
        }

        public Task DeleteAsync(string key, CancellationToken cancellationToken = default) => CanDelete ? inner.DeleteAsync(key, cancellationToken) : throw new ObjectStoreException(FailureClass.NotAuthorized, "No.");

        public Task CheckAsync(CancellationToken cancellationToken = default) => inner.CheckAsync(cancellationToken);
    }
}

public sealed class FolderAndDuckDbLandingTests : LandingConformance
{
    private readonly ScratchFolder _folder = new();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_command_ends_with_0_when_nothing_differs_and_with_65_when_something_does()
    {
        await PutAsync("inbox/a.csv", "trip_id\n1\n");
        async Task<int> RunJobAsync(params string[] arguments)
        {
            var builder = Host.CreateApplicationBuilder();
            builder.Configuration["ConnectionStrings:lake"] = _folder.Combine("lake");
            builder.Configuration["ConnectionStrings:warehouse"] = $"DataSource={_folder.Combine("job.duckdb")}";
            builder.AddDataPlatform();
            builder.AddDuckDb();
            builder.AddObjectStore("lake");
            builder.AddWarehouse("warehouse");
            builder.AddParquetSharp();
            builder.AddPipeline("demo", p => p.Ingest("trips", From.Csv("lake", "inbox/*.csv")).Into("warehouse", "raw.trips", load => load.LandIn("lake", "landing/trips")));
            return await builder.Build().RunJobAsync(arguments);
        }

        (await RunJobAsync("run", "demo")).Should().Be(0);
        (await RunJobAsync("reconcile")).Should().Be(0);
        (await RunJobAsync("reconcile", "demo", "--output", "json")).Should().Be(0);
        await foreach (var file in Store.ListAsync("landing/**/*.parquet", TestContext.Current.CancellationToken)) await PutAsync(file.Key, "changed");
        (await RunJobAsync("reconcile")).Should().Be((int)FailureClass.Data);
        (await RunJobAsync("reconcile", "demo", "--output", "json")).Should().Be(65);
    }

    protected override Task<IObjectStore> OpenStoreAsync() => Task.FromResult<IObjectStore>(new FolderObjectStore("lake", Directory.CreateDirectory(_folder.Combine("lake")).FullName));

    protected override Task<IWarehouse> OpenWarehouseAsync() => Task.FromResult<IWarehouse>(new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("test.duckdb")}"));
}

public sealed class S3AndPostgreSqlLandingTests : LandingConformance
{
    private TestBucket _bucket = null!;
    private TestDatabase _database = null!;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _bucket.DisposeAsync();
        await _database.DisposeAsync();
    }

    protected override async Task<IObjectStore> OpenStoreAsync()
    {
        _bucket = await TestS3.CreateBucketAsync();
        return new S3ObjectStore("lake", $"s3://{_bucket.Name}", new S3ObjectStoreOptions { Endpoint = TestS3.Endpoint, AccessKeyId = TestS3.AccessKeyId, SecretAccessKey = TestS3.SecretAccessKey });
    }

    protected override async Task<IWarehouse> OpenWarehouseAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        return new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
    }
}
