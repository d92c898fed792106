using System.Text;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion.Tests.Loading;

/// <summary>Files of which only the rows behind a cursor are loaded.</summary>
public sealed class FileIncrementalTests : LoadsFromFiles
{
    [Theory]
    [InlineData("csv")]
    [InlineData("jsonl")]
    [InlineData("json")]
    [InlineData("parquet")]
    public async Task Of_a_file_that_grows_and_of_a_full_export_only_new_rows_are_loaded(string format)
    {
        FileSource<Event> source = format switch
        {
            "csv" => From.Csv<Event>(_inbox.Store, "*.csv"),
            "jsonl" => From.JsonLines<Event>(_inbox.Store, "*.jsonl"),
            "json" => From.Json<Event>(_inbox.Store, "*.json"),
            _ => From.Parquet<Event>(_inbox.Store, "*.parquet"),
        };
        source = source.Incremental(e => e.Seq, cursor => cursor.StartAt(10));

        await WriteAsync("a", format, (1, 10), (2, 20), (3, 20), (9, 9));
        (await RunAsync(source)).Should().Match<StepResult>(r => r.RowsRead == 4 && r.RowsWritten == 3);
        await WriteAsync("a", format, (1, 10), (2, 20), (3, 20), (9, 9), (4, 20), (5, 30), (6, 15));
        (await RunAsync(source)).Should().Match<StepResult>(r => r.RowsRead == 7 && r.RowsWritten == 2);
        await WriteAsync("b", format, (7, 40), (1, 10), (2, 20), (3, 20), (4, 20), (5, 30), (8, 30));
        (await RunAsync(source)).RowsWritten.Should().Be(2);
        (await RunAsync(source)).RowsRead.Should().Be(0, "no file has changed");

        (await IdsAsync()).Should().Equal(1, 2, 3, 4, 5, 7, 8);
        (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Token)).Select(load => load.Rows).Should().Equal(
            new RowBalance(7, 2, Filtered: 5), new RowBalance(7, 2, Filtered: 5), new RowBalance(4, 3, Filtered: 1));
    }

    [Fact]
    public async Task A_file_without_new_rows_is_noted_and_not_read_again()
    {
        var source = From.Csv(_inbox.Store, "*.csv").Incremental("seq");
        await WriteAsync("a", "csv", (1, 10), (2, 20));
        await RunAsync(source);
        await WriteAsync("b", "csv", (1, 10), (2, 20));
        (await RunAsync(source)).Should().Match<StepResult>(r => r.RowsRead == 2 && r.RowsWritten == 0);
        (await RunAsync(source)).RowsRead.Should().Be(0);
        (await IdsAsync()).Should().Equal(1, 2);
    }

    [Fact]
    public async Task The_cursor_may_be_a_value_within_JSON_that_the_table_does_not_have()
    {
        var source = From.JsonLines<Named>(_inbox.Store, "*.jsonl").Incremental<DateTimeOffset>("$.meta.at");
        _inbox.With("a.jsonl", "{\"id\":1,\"meta\":{\"at\":\"2026-01-31T10:00:00Z\"}}\n{\"id\":2,\"meta\":{\"at\":\"2026-01-31T12:00:00+01:00\"}}\n");
        (await RunAsync(source)).RowsWritten.Should().Be(2);
        _inbox.With("a.jsonl", "{\"id\":3,\"meta\":{\"at\":\"2026-01-31T10:59:59Z\"}}\n{\"id\":2,\"meta\":{\"at\":\"2026-01-31T11:00:00Z\"}}\n{\"id\":4,\"meta\":{\"at\":\"2026-01-31T11:00:00Z\"}}\n");
        (await RunAsync(source)).RowsWritten.Should().Be(1);
        (await IdsAsync()).Should().Equal(1, 2, 4);
        (await _warehouse.ReadAsync("SELECT * FROM raw.events", cancellationToken: Token).ToRowsAsync())[0].Should().HaveCount(2, "the id and the load");

        _inbox.With("b.jsonl", "{\"id\":5}\n");
        (await RunAsync(source)).Failure!.Message.Should().Be("lake:*.jsonl has a row whose cursor '$.meta.at' is NULL: nothing says whether it is new. Nothing of this load is kept.");
        (await RunAsync(From.JsonLines<Named>(_inbox.Store, "*.jsonl").Incremental<DateTimeOffset>("$.meta.at", cursor => cursor.OnNull(NullCursors.Include)))).RowsWritten.Should().Be(1);
        FluentActions.Invoking(() => From.Csv<Named>(_inbox.Store, "*.csv").Incremental<long>("$.meta.at")).Should().Throw<DataPlatformException>()
            .WithMessage("lake:*.csv is to be read by the cursor '$.meta.at', a path, and its rows have columns and nothing within them.");
    }

    [Fact]
    public async Task A_range_is_read_from_all_files_whatever_was_loaded_and_leaves_cursor_and_files_as_they_are()
    {
        await WriteAsync("a", "csv", (1, 10), (2, 20), (3, 30));
        await RunAsync(From.Csv<Event>(_inbox.Store, "*.csv").Incremental(e => e.Seq));
        var (cursors, files) = (await QueryAsync("SELECT * FROM dataplatform.cursors"), await QueryAsync("SELECT path FROM dataplatform.load_objects"));
        await WriteAsync("b", "csv", (4, 20), (5, 30));

        var range = From.Csv<Event>(_inbox.Store, "*.csv").Incremental(e => e.Seq, cursor => cursor.Between(_ => 20L, _ => 30L));
        (await RunAsync(range, load => load.Merge("id"))).Should().Match<StepResult>(r => r.RowsRead == 5 && r.RowsWritten == 2);
        (await QueryAsync("SELECT * FROM dataplatform.cursors")).ShouldEqual(cursors);
        (await QueryAsync("SELECT path FROM dataplatform.load_objects")).ShouldEqual(files);
        (await RunAsync(From.Csv<Event>(_inbox.Store, "*.csv").Incremental(e => e.Seq), load => load.Merge("id"))).RowsWritten.Should().Be(1, "5 is new at the last value, and b was not read yet");
        (await IdsAsync()).Should().Equal(1, 2, 3, 4, 5);
    }

    [Fact]
    public async Task Long_loads_commit_in_parts_when_they_merge_and_rows_that_come_late_are_found_by_the_lag()
    {
        const int Count = 5000;
        var csv = new StringBuilder("id,seq,note\n");
        for (var i = 0; i < Count; i++) csv.Append($"{i},{i},{new string('-', 1000)}\n");
        _inbox.With("a.csv", csv.ToString());
        var source = From.Csv(_inbox.Store, "*.csv").Incremental("seq", cursor => cursor.Lag(2));
        (await RunAsync(source, load => load.Merge("id").Checkpoint(1))).RowsWritten.Should().Be(Count);
        (await _ledgers.Primary.ListLoadsAsync(cancellationToken: Token)).Count.Should().BeGreaterThan(2);

        _inbox.With("b.csv", $"id,seq,note\n{Count},{Count - 3},late\n{Count + 1},{Count - 4},too late\n");
        (await RunAsync(source, load => load.Merge("id").Checkpoint(1))).RowsWritten.Should().Be(1);
        (await QueryAsync("SELECT count(*), max(id) FROM raw.events")).ShouldEqual([[(long)Count + 1, (long)Count]]);

        FluentActions.Invoking(() => new PipelineBuilder("demo").Ingest("events", (ISource)source).Into(_warehouse, "raw.events")).Should().Throw<DataPlatformException>().WithMessage("*with a lag*");
        FluentActions.Invoking(() => new PipelineBuilder("demo").Ingest("events", (ISource)From.Csv(_inbox.Store, "*.csv").Incremental("seq")).Into(_warehouse, "raw.events", load => load.Checkpoint(1)))
            .Should().Throw<DataPlatformException>().WithMessage("*by a cursor, not in ascending order, and adds its rows in parts*");
    }

    private async Task WriteAsync(string name, string format, params (int Id, int Seq)[] rows)
    {
        if (format == "parquet")
        {
            var schema = Contract.Of<Event>().Schema;
            using var file = new MemoryStream();
            await using var writer = new ParquetWriterFactory().Create(file, schema, new ParquetWriterOptions());
            using var batch = RecordBatches.Create(schema, [.. rows.Select(row => new object?[] { (long)row.Id, (long)row.Seq })]);
            await writer.WriteAsync(batch, Token);
            await writer.CompleteAsync(Token);
            _inbox.With($"{name}.parquet", file.ToArray());
            return;
        }

        var objects = rows.Select(row => $$"""{"id":{{row.Id}},"seq":{{row.Seq}}}""");
        _inbox.With($"{name}.{format}", format switch
        {
            "csv" => $"id,seq\n{string.Concat(rows.Select(row => $"{row.Id},{row.Seq}\n"))}",
            "json" => $"[{string.Join(",", objects)}]",
            _ => string.Join("\n", objects),
        });
    }

    private async Task<StepResult> RunAsync(ISource source, Action<LoadBuilder>? configure = null)
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest("events", source).Into(_warehouse, "raw.events", configure);
        return (await new PipelineRunner(_ledgers).RunAsync(builder.Build(), cancellationToken: Token)).Steps[0];
    }

    private async Task<IEnumerable<long>> IdsAsync() => (await QueryAsync("SELECT id FROM raw.events ORDER BY id")).Select(row => Convert.ToInt64(row[0], System.Globalization.CultureInfo.InvariantCulture));

    private sealed record Event(long Id, long Seq);

    private sealed record Named(long Id);
}
