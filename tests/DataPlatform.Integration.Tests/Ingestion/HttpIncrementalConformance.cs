using System.Globalization;
using System.Net;
using CsCheck;
using DataPlatform.Ingestion;
using DataPlatform.Integration.Tests.ObjectStores;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;

namespace DataPlatform.Integration.Tests.Ingestion;

/// <summary>Web APIs that are read on from where the last load stopped: rows and cursor are committed together, whatever the warehouse and whenever it breaks.</summary>
public abstract class HttpIncrementalConformance(string system) : IAsyncLifetime
{
    private static readonly DateTime Midnight = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly EventsApi _events = new();
    private OpenedWarehouse _opened = null!;
    private RunLedgers _ledgers = null!;
    private HttpApi _api = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _opened = await OpenedWarehouse.OpenAsync(system);
        _ledgers = new RunLedgers(_opened.Warehouse);
        _api = new HttpApi("shop", new HttpApiOptions { BaseAddress = _events.Server.Endpoint, MaxRetries = 0 });
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _api.Dispose();
        await _events.Server.DisposeAsync();
        await _ledgers.DisposeAsync();
        await _opened.DisposeAsync();
    }

    [Theory]
    [InlineData(null)]
    [InlineData(RowOrder.Ascending)]
    [InlineData(RowOrder.Descending)]
    public async Task A_second_run_reads_what_is_new_and_leaves_out_what_it_has(RowOrder? order)
    {
        for (var id = 1; id <= 7; id++) _events.Add(id, id / 2);
        var source = Events(order);
        (await SucceedAsync(source, load => load.Append())).RowsWritten.Should().Be(7);
        (await SucceedAsync(source, load => load.Append())).RowsRead.Should().Be(0);
        (await QueryAsync("SELECT count(*) FROM dataplatform.loads")).Single().Should().Equal(1L);
        _events.Add(8, 3);
        _events.Add(9, 4);
        _events.Asked.Clear();
        (await SucceedAsync(source, load => load.Append())).RowsWritten.Should().Be(2);
        _events.Asked.Should().NotBeEmpty().And.OnlyContain(asked => asked["since"] == "2026-01-01T00:03:00Z");
        (await IdsAsync()).Should().Equal(1, 2, 3, 4, 5, 6, 7, 8, 9);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(RowOrder.Ascending)]
    [InlineData(RowOrder.Descending)]
    public async Task A_run_that_breaks_between_pages_keeps_neither_rows_nor_cursor(RowOrder? order)
    {
        for (var id = 1; id <= 8; id++) _events.Add(id, id);
        await SucceedAsync(Events(order), load => load.Append());
        for (var id = 9; id <= 16; id++) _events.Add(id, id);
        var before = await QueryAsync("SELECT value FROM dataplatform.cursors");
        _events.FailsAtPage = 2;
        (await RunAsync(Events(order), load => load.Append())).Failure!.Class.Should().Be(FailureClass.Configuration);
        (await QueryAsync("SELECT value FROM dataplatform.cursors")).Should().BeEquivalentTo(before);
        (await IdsAsync()).Should().HaveCount(8);
        _events.FailsAtPage = null;
        await SucceedAsync(Events(order), load => load.Append());
        (await IdsAsync()).Should().Equal(Enumerable.Range(1, 16).Select(id => (long)id));
    }

    [Fact]
    public async Task In_ascending_order_a_load_in_parts_goes_on_behind_the_last_of_them()
    {
        AddManyAndFailAmongThem();
        (await RunAsync(Events(RowOrder.Ascending), load => load.Append().Checkpoint(mebibytes: 1))).Failure!.Class.Should().Be(FailureClass.Configuration);
        var kept = (await IdsAsync()).Count;
        kept.Should().BeInRange(1000, 3500);
        _events.FailsAtPage = null;
        _events.Asked.Clear();
        (await SucceedAsync(Events(RowOrder.Ascending), load => load.Append().Checkpoint(mebibytes: 1))).RowsWritten.Should().Be(5000 - kept);
        _events.Asked.First()["since"].Should().Be(Midnight.AddMinutes(kept / 3).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
        (await IdsAsync()).Should().Equal(Enumerable.Range(1, 5000).Select(id => (long)id));
    }

    [Fact]
    public async Task In_another_order_a_merge_in_parts_begins_again_and_loses_nothing()
    {
        AddManyAndFailAmongThem();
        (await RunAsync(Events(RowOrder.Descending), load => load.Merge(e => e.Id).Checkpoint(mebibytes: 1))).Failure!.Class.Should().Be(FailureClass.Configuration);
        (await IdsAsync()).Should().HaveCountGreaterThan(500).And.HaveCountLessThan(4000);
        (await QueryAsync("SELECT * FROM dataplatform.cursors")).Should().BeEmpty();
        _events.FailsAtPage = null;
        await SucceedAsync(Events(RowOrder.Descending), load => load.Merge(e => e.Id).Checkpoint(mebibytes: 1));
        (await IdsAsync()).Should().Equal(Enumerable.Range(1, 5000).Select(id => (long)id));
        _events.Asked.Clear();
        _events.HeedsRange = false;
        (await SucceedAsync(Events(RowOrder.Descending), load => load.Merge(e => e.Id).Checkpoint(mebibytes: 1))).RowsRead.Should().Be(0);
        _events.Asked.Should().ContainSingle();
    }

    [Fact]
    public async Task A_lag_finds_rows_that_came_late_and_the_merge_takes_each_once()
    {
        var source = Events(null, cursor => cursor.Lag(TimeSpan.FromMinutes(60)));
        _events.Add(1, 120);
        await SucceedAsync(source, load => load.Merge(e => e.Id));
        _events.Add(2, 61);
        _events.Add(3, 59);
        _events.Asked.Clear();
        await SucceedAsync(source, load => load.Merge(e => e.Id));
        (await IdsAsync()).Should().Equal(1, 2);
        _events.Asked.First()["since"].Should().Be("2026-01-01T01:00:00Z");
    }

    [Fact]
    public async Task A_range_leaves_the_stored_cursor_alone_and_asks_for_no_page_behind_its_end()
    {
        for (var day = 0; day < 8; day++)
        {
            for (var i = 0; i < 3; i++) _events.Add((day * 3) + i + 1, (day * 1440) + i);
        }

        await SucceedAsync(Events(RowOrder.Ascending, cursor => cursor.StartAt(Midnight.AddDays(6))), load => load.Append());
        (await IdsAsync()).Should().Equal(19, 20, 21, 22, 23, 24);
        var before = await QueryAsync("SELECT * FROM dataplatform.cursors");
        _events.Asked.Clear();
        _events.HeedsRange = false;
        var range = Events(RowOrder.Ascending, cursor => cursor.Between(run => run.LogicalDate, run => run.LogicalDate.AddDays(1)));
        await SucceedAsync(range, load => load.Append(), new DateOnly(2026, 1, 2));
        (await IdsAsync()).Should().Equal(4, 5, 6, 19, 20, 21, 22, 23, 24);
        _events.Asked.Select(asked => (asked["page"], asked["since"], asked["until"])).Should().Equal(
            ("1", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"), ("2", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"), ("3", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"));
        (await QueryAsync("SELECT * FROM dataplatform.cursors")).Should().BeEquivalentTo(before);
    }

    [Fact]
    public async Task The_cursor_may_be_within_an_object_that_the_table_keeps_as_it_is()
    {
        var source = From.Http(_api, "events", http => http.Paginate(Pages.Number())).Incremental<long>("$.meta.rank", cursor => cursor.StartAt(1));
        async Task<StepResult> LoadAsync()
        {
            var builder = new PipelineBuilder("demo");
            builder.Ingest("events", source).Into(_opened.Warehouse, "raw.events");
            return (await new PipelineRunner(_ledgers).RunAsync(builder.Build(), cancellationToken: Token)).Steps[0];
        }

        for (var id = 1; id <= 6; id++) _events.Add(id, id);
        (await LoadAsync()).RowsWritten.Should().Be(5);
        (await QueryAsync("SELECT name, value FROM dataplatform.cursors")).Single()[0].Should().Be("$.meta.rank");
        _events.Add(7, 7);
        (await LoadAsync()).RowsWritten.Should().Be(1);
        (await LoadAsync()).RowsRead.Should().Be(0);
        (await QueryAsync("SELECT id, CAST(meta AS text) FROM raw.events ORDER BY id")).Select(row => $"{row[0]} {row[1]}".Replace(": ", ":", StringComparison.Ordinal)).Should().Equal(
            "2 {\"rank\":1}", "3 {\"rank\":1}", "4 {\"rank\":2}", "5 {\"rank\":2}", "6 {\"rank\":3}", "7 {\"rank\":3}");
    }

    /// <summary>However the growth of a source is split into runs, some of which break: the table is that of one run.</summary>
    [Fact]
    public async Task Any_split_into_runs_gives_the_table_of_one_run()
    {
        var steps = Gen.Select(Gen.Int[0, 2].List[0, 7], Gen.Int[0, 4]).List[1, 5];
        var cases = Gen.Select(steps, Gen.Int[0, 2].Select(kind => kind == 2 ? (RowOrder?)null : (RowOrder)kind), Gen.Bool, Gen.Bool);
        var nextId = 0L;
        await cases.SampleAsync(
            async (growth, order, merges, heedsRange) =>
            {
                await ExecuteAsync("DROP TABLE IF EXISTS raw.events");
                _events.Clear();
                _events.HeedsRange = heedsRange;
                var minute = 0;
                void Load(LoadBuilder<Event> load) => _ = merges ? load.Merge(e => e.Id) : load.Append();
                foreach (var (rows, breaksAt) in growth)
                {
                    foreach (var ahead in rows) _events.Add(++nextId, minute += ahead);
                    _events.FailsAtPage = breaksAt == 0 ? null : breaksAt;
                    await RunAsync(Events(order), Load);
                }

                _events.FailsAtPage = null;
                await SucceedAsync(Events(order), Load);
                if (_events.Ids.Count > 0) (await IdsAsync()).Should().Equal(_events.Ids);
            },
            iter: 6,
            threads: 1);
    }

    // About half a megabyte a page, so that a load is committed in parts before it fails.
    private void AddManyAndFailAmongThem()
    {
        _events.PageSize = 500;
        _events.Note = new string('x', 1000);
        for (var id = 1; id <= 5000; id++) _events.Add(id, id / 3);
        _events.FailsAtPage = 8;
    }

    private HttpSource<Event> Events(RowOrder? order, Action<IncrementalBuilder<Event, DateTimeOffset>>? cursor = null) => From.Http<Event>(_api, "events", http =>
    {
        http.Paginate(Pages.Number()).Since("since").Until("until");
        if (order is { } known) http.Query("sort", $"{known}").Ordered(known);
    }).Incremental(e => e.At, cursor);

    private async Task<StepResult> RunAsync(HttpSource<Event> source, Action<LoadBuilder<Event>> load, DateOnly? date = null)
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest<Event>("events", source).Into(_opened.Warehouse, "raw.events", load);
        return (await new PipelineRunner(_ledgers).RunAsync(builder.Build(), new PipelineRunOptions { LogicalDate = date }, Token)).Steps[0];
    }

    private async Task<StepResult> SucceedAsync(HttpSource<Event> source, Action<LoadBuilder<Event>> load, DateOnly? date = null)
    {
        var result = await RunAsync(source, load, date);
        result.Failure.Should().BeNull();
        return result;
    }

    private async Task<IReadOnlyList<long>> IdsAsync() => [.. (await QueryAsync("SELECT id FROM raw.events ORDER BY id")).Select(row => (long)row[0]!)];

    private async Task ExecuteAsync(string sql)
    {
        await using var transaction = await _opened.Warehouse.BeginAsync(Token);
        await transaction.ExecuteAsync(sql, cancellationToken: Token);
        await transaction.CommitAsync(Token);
    }

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await _opened.Warehouse.BeginAsync(Token);
        return await transaction.QueryAsync(sql, cancellationToken: Token);
    }

    /// <summary>An API of numbered pages: in the order that is asked for, else in one of its own.</summary>
    private sealed class EventsApi
    {
        private readonly List<(long Id, DateTime At)> _rows = [];

        public EventsApi() => Server = ScriptedServer.Start(request => Task.FromResult(Answer(request)));

        public ScriptedServer Server { get; }

        public List<Dictionary<string, string?>> Asked { get; } = [];

        public List<long> Ids => [.. _rows.Select(row => row.Id)];

        public int PageSize { get; set; } = 3;

        public string Note { get; set; } = "";

        public int? FailsAtPage { get; set; }

        /// <summary>Whether it gives only rows of the range that it is asked for.</summary>
        public bool HeedsRange { get; set; } = true;

        public void Add(long id, int minute) => _rows.Add((id, Midnight.AddMinutes(minute)));

        public void Clear() => _rows.Clear();

        private (int Status, string Body) Answer(HttpListenerRequest request)
        {
            var asked = new[] { "page", "since", "until", "sort" }.ToDictionary(name => name, name => request.QueryString[name]);
            Asked.Add(asked);
            var page = int.Parse(asked["page"]!, CultureInfo.InvariantCulture);

            // Not one of those that are tried again.
            if (page == FailsAtPage) return (404, "");
            var rows = _rows.Where(row => !HeedsRange || ((asked["since"] is not { } since || row.At >= Time(since)) && (asked["until"] is not { } until || row.At < Time(until))));
            rows = asked["sort"] switch
            {
                "Ascending" => rows.OrderBy(row => row.At).ThenBy(row => row.Id % 3),
                "Descending" => rows.OrderByDescending(row => row.At).ThenBy(row => row.Id % 3),
                _ => rows.OrderBy(row => row.Id % 5),
            };
            return (200, $"[{string.Join(",", rows.Skip((page - 1) * PageSize).Take(PageSize).Select(row => $$$"""{"id":{{{row.Id}}},"at":"{{{row.At:yyyy-MM-dd HH:mm:ss}}}","note":"{{{Note}}}","meta":{"rank":{{{row.Id / 2}}}}}"""))}]");
        }

        private static DateTime Time(string text) => DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);
    }

    internal sealed record Event(long Id, DateTimeOffset At, string Note);
}

public sealed class DuckDbHttpIncrementalTests() : HttpIncrementalConformance("duckdb");

public sealed class PostgreSqlHttpIncrementalTests() : HttpIncrementalConformance("postgresql");
