using DataPlatform.Pipelines;
using DataPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion.Tests.Sources;

/// <summary>Which files are read, in which order, and what is said of them.</summary>
public sealed class FileSourceTests : IDisposable
{
    private readonly Inbox _inbox = new();
    private readonly LogLines _log = new();

    public void Dispose() => _inbox.Dispose();

    [Fact]
    public async Task Files_are_read_in_the_order_of_their_keys_and_each_is_said_to_be_read()
    {
        _inbox.With("in/b.csv", "id\n3\n4\n").With("in/a.csv", "id\n1\nx\n").With("in/c.txt", "id\n9\n").With("in/d.csv", "");
        var result = await ReadResult.OfAsync(From.Csv<Row>(_inbox.Store, "in/*.csv"), new SourceContext { Logger = _log });
        result.Rows.Select(row => row[0]).Should().Equal(1, 3, 4);
        result.Completed.Select(o => (o.Path, o.Rows)).Should().Equal(("in/a.csv", 2), ("in/b.csv", 2), ("in/d.csv", 0));
        result.Completed.Select(o => o.ETag).Should().OnlyHaveUniqueItems();
        result.Batches.Should().Be(1, "small files share a batch");
        _log.Lines.Should().Contain(["Information: lake:in/*.csv: 0 files already loaded, 3 new", "Warning: in/d.csv is empty"]);
    }

    [Fact]
    public async Task What_is_loaded_is_left_out_until_it_changes()
    {
        var source = From.Csv<Row>(_inbox.With("a.csv", "id\n1\n").With("b.csv", "id\n2\n").Store, "*.csv");
        var first = await ReadResult.OfAsync(source);
        var loaded = first.Completed.Select(o => (o.Path, o.ETag)).ToHashSet();

        (await ReadResult.OfAsync(source, new SourceContext { LoadedObjects = loaded, Logger = _log })).Batches.Should().Be(0);
        _log.Lines.Should().Equal("Information: lake:*.csv: 2 files already loaded, 0 new");

        _inbox.With("b.csv", "id\n20\n").With("c.csv", "id\n3\n");
        var second = await ReadResult.OfAsync(source, new SourceContext { LoadedObjects = loaded, Logger = _log });
        second.Rows.Select(row => row[0]).Should().Equal(20, 3);
        _log.Lines.Should().Contain("Warning: b.csv was loaded before and has changed since: all of it is read again");
    }

    [Theory]
    [InlineData("csv", "town,population\nOslo,700000\n", "town, population")]
    [InlineData("jsonl", "{\"town\":\"Oslo\"}\n{\"population\":700000}\n", "population, town")]
    [InlineData("json", "[{\"town\":\"Oslo\",\"population\":700000}]", "population, town")]
    [InlineData("parquet", null, "town, population")]
    public async Task A_file_with_no_column_that_the_record_has_is_refused_though_all_of_them_may_be_NULL(string format, string? text, string found)
    {
        if (text is not null) _inbox.With($"a.{format}", text);
        else _inbox.With("a.parquet", await TownsAsync());
        FileSource<Ride> source = format switch
        {
            "csv" => From.Csv<Ride>(_inbox.Store, "*"),
            "jsonl" => From.JsonLines<Ride>(_inbox.Store, "*"),
            "json" => From.Json<Ride>(_inbox.Store, "*"),
            _ => From.Parquet<Ride>(_inbox.Store, "*"),
        };
        var failure = (await FluentActions.Awaiting(() => ReadResult.OfAsync(source)).Should().ThrowAsync<DataPlatformException>()).Which;
        (failure.FailureClass, failure.Message).Should().Be((FailureClass.Data, $"lake:a.{format} has none of the columns 'TripId', 'Start Time'. It has: {found}."));
    }

    [Fact]
    public async Task A_file_with_one_column_of_the_record_is_read_and_so_are_objects_without_keys()
    {
        _inbox.With("a.csv", "town,start time\nOslo,9\n").With("b.jsonl", "{}\n{}\n");
        (await ReadResult.OfAsync(From.Csv<Ride>(_inbox.Store, "*.csv"))).Rows.ShouldEqual([[null, "9"]]);
        (await ReadResult.OfAsync(From.JsonLines<Ride>(_inbox.Store, "*.jsonl"))).Rows.ShouldEqual([[null, null], [null, null]]);
    }

    private static async Task<byte[]> TownsAsync()
    {
        var schema = Contract.Of<Place>().Schema;
        using var file = new MemoryStream();
        await using var writer = new ParquetWriterFactory().Create(file, schema, new ParquetWriterOptions());
        using var batch = RecordBatches.Create(schema, [["Oslo", 700_000]]);
        await writer.WriteAsync(batch, TestContext.Current.CancellationToken);
        await writer.CompleteAsync(TestContext.Current.CancellationToken);
        return file.ToArray();
    }

    [Fact]
    public async Task When_the_table_is_replaced_a_new_file_brings_all_of_them()
    {
        var source = From.Csv<Row>(_inbox.With("a.csv", "id\n1\n").Store, "*.csv");
        var loaded = (await ReadResult.OfAsync(source)).Completed.Select(o => (o.Path, o.ETag)).ToHashSet();
        var context = new SourceContext { LoadedObjects = loaded, ReplacesTarget = true };
        (await ReadResult.OfAsync(source, context)).Rows.Should().BeEmpty();

        _inbox.With("b.csv", "id\n2\n");
        (await ReadResult.OfAsync(source, context)).Rows.Select(row => row[0]).Should().Equal(1, 2);
    }

    [Fact]
    public async Task No_file_at_all_is_said()
    {
        (await ReadResult.OfAsync(From.Csv<Row>(_inbox.Store, "*.csv"), new SourceContext { Logger = _log })).Batches.Should().Be(0);
        _log.Lines.Should().Equal("Warning: No file matches lake:*.csv");
    }

    [Fact]
    public async Task Columns_that_are_left_out_or_missing_are_said()
    {
        _inbox.With("a.csv", "id,more,and more\n1,2,3\n").With("b.csv", "id,note\n1,x\n");
        await ReadResult.OfAsync(From.Csv<Noted>(_inbox.Store, "*.csv"), new SourceContext { Logger = _log });
        _log.Lines.Should().Contain(
            ["Information: a.csv: columns that are not in the contract are left out: more, and more", "Information: a.csv: columns that the file does not have stay NULL: note"]);
    }

    [Fact]
    public async Task How_much_was_read_adds_up_to_what_there_is()
    {
        _inbox.With("a.csv", "id\n" + string.Concat(Enumerable.Range(0, 100_000).Select(i => $"{i}\n"))).With("b.csv.gz", Inbox.Gzip("id\n1\n"));
        var source = From.Csv<Row>(_inbox.Store, "*");
        var context = new SourceContext { Contract = source.Contract!, BatchBytes = 100_000 };
        long read = 0;
        await foreach (var batch in source.ReadAsync(context, TestContext.Current.CancellationToken))
        {
            using (batch) read += batch.BytesRead;
        }

        context.TotalBytes.Should().Be(new FileInfo(_inbox.PathOf("a.csv")).Length + new FileInfo(_inbox.PathOf("b.csv.gz")).Length);
        read.Should().Be(context.TotalBytes);
    }

    [Fact]
    public async Task Reading_stops_when_it_is_told_to()
    {
        _inbox.With("a.csv", "id\n" + string.Concat(Enumerable.Range(0, 400_000).Select(i => $"{i}\n")));
        using var stop = new CancellationTokenSource();
        var source = From.Csv<Row>(_inbox.Store, "*");
        var batches = 0;
        var reading = async () =>
        {
            await foreach (var batch in source.ReadAsync(new SourceContext { Contract = source.Contract!, BatchBytes = 10_000 }, stop.Token))
            {
                batch.Dispose();
                if (++batches == 2) await stop.CancelAsync();
            }
        };
        await reading.Should().ThrowAsync<OperationCanceledException>();
        batches.Should().BeLessThan(100);
    }

    [Fact]
    public async Task A_store_is_found_by_name_and_a_missing_one_is_named()
    {
        await using var services = new ServiceCollection().AddKeyedSingleton<ObjectStores.IObjectStore>("lake", _inbox.With("a.csv", "id\n1\n").Store).BuildServiceProvider();
        (await ReadResult.OfAsync(From.Csv<Row>("lake", "*"), new SourceContext { Services = services })).Rows.Should().ContainSingle();
        var failure = (await FluentActions.Awaiting(() => ReadResult.OfAsync(From.Csv<Row>("pond", "*"), new SourceContext { Services = services })).Should().ThrowAsync<DataPlatformException>()).Which;
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        (failure.Message, failure.Hint).Should().Be(("There is no object store 'pond'.", "Add it with builder.AddObjectStore(\"pond\")."));
    }

    [Fact]
    public async Task Users_add_sources_of_their_own_to_From()
    {
        var result = await ReadResult.OfAsync(From.Numbers(3));
        result.Rows.Select(row => row[0]).Should().Equal(1, 2, 3);
    }

    internal sealed record Row(int Id);

    private sealed record Ride(long? TripId, [property: System.ComponentModel.DataAnnotations.Schema.Column("Start Time")] string? StartTime);

    private sealed record Place(string Town, int Population);

    private sealed record Noted(int Id, string? Note);

    private sealed class LogLines : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{logLevel}: {formatter(state, exception)}");
    }
}

internal static class NumbersSource
{
    extension(From)
    {
        public static ISource<FileSourceTests.Row> Numbers(int count) =>
            From.Rows("numbers", (_, _) => Enumerable.Range(1, count).Select(i => new FileSourceTests.Row(i)).ToAsyncEnumerable());
    }
}
