using System.Globalization;
using DataPlatform.DuckDb;
using DataPlatform.Ingestion.Tests.Sources.Http;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Hosting;

namespace DataPlatform.Ingestion.Tests.Corpus;

/// <summary>
/// Broken files and answers, each loaded into a table of its own. Whatever is wrong with one: its rows are in the table or in quarantine with their positions, or it fails
/// as a whole, with a cause that is known, and leaves nothing.
/// </summary>
public sealed class CorpusTests(CorpusTests.Warehouse warehouse) : IClassFixture<CorpusTests.Warehouse>
{
    private const int ShownRows = 20, ShownCharacters = 60;

    // Nothing here takes a second; what hangs is to fail, and not to hang the suite.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Files() =>
        [.. from format in new[] { "csv", "json", "parquet" } from expected in CorpusCase.ListOf(format) select (format, expected.File)];

    public static TheoryData<string> Answers() => [.. CorpusCase.ListOf("http").Select(expected => expected.File)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_file_comes_to_what_is_expected(string format, string file)
    {
        var expected = CorpusCase.ListOf(format).Single(c => c.File == file);
        using var inbox = new Inbox();
        inbox.With(file, MadeFiles.Find(format, file) ?? await File.ReadAllBytesAsync(Path.Combine(CorpusCase.FolderOf(format), file), Token));
        await LoadAsync(expected, SourceOf(inbox, expected), file);
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task An_answer_comes_to_what_is_expected(string name)
    {
        var expected = CorpusCase.ListOf("http").Single(c => c.File == name);
        var (asked, answers) = (0, Array.Empty<Answer>());
        await using var server = new ScriptedServer(_ => answers[Math.Min(Interlocked.Increment(ref asked), answers.Length) - 1]);
        answers = HttpCases.All[name](server.Address);
        using var api = new HttpApi("shop", new HttpApiOptions { BaseAddress = server.Address, RetryDelay = TimeSpan.Zero, MaxRetries = 2 });
        await LoadAsync(expected, From.Http<Item>(api, "rows", http => HttpCases.Configure(name, http)), "shop:rows page ");
    }

    [Theory]
    [InlineData("csv", 85)]
    [InlineData("json", 60)]
    [InlineData("parquet", 60)]
    [InlineData("http", 50)]
    public void Every_file_has_an_expectation_and_every_expectation_a_file(string format, int atLeast)
    {
        var files = format == "http" ? HttpCases.All.Keys : CorpusCase.FilesOf(format).Concat(MadeFiles.Of(format).Keys);
        CorpusCase.ListOf(format).Select(expected => expected.File).Should().BeEquivalentTo(files).And.OnlyHaveUniqueItems().And.HaveCountGreaterThanOrEqualTo(atLeast);
    }

    internal static ISource SourceOf(Inbox inbox, CorpusCase expected) => Path.GetExtension(expected.File.Replace(".gz", "", StringComparison.Ordinal).Replace(".zst", "", StringComparison.Ordinal)) switch
    {
        ".csv" => From.Csv<Item>(inbox.Store, "*", expected.With switch
        {
            null => new CsvOptions(),
            [var delimiter] => new CsvOptions { Delimiter = delimiter },
            var encoding => new CsvOptions { Encoding = encoding },
        }),
        ".jsonl" => From.JsonLines<Item>(inbox.Store, "*"),
        ".json" => From.Json<Item>(inbox.Store, "*", expected.With ?? "$"),
        _ => From.Parquet<Item>(inbox.Store, "*"),
    };

    private async Task LoadAsync(CorpusCase expected, ISource source, string placed)
    {
        var table = new TableName("raw", $"t{warehouse.NextNumber()}");
        var builder = new PipelineBuilder("corpus");
        builder.Ingest(table.Name, source).Into(warehouse.Database, table, load => load.Quarantine(maxRejected: 1));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(Limit);
        var run = await new PipelineRunner(warehouse.Ledgers, warehouse.Services).RunAsync(builder.Build(), cancellationToken: limit.Token).WaitAsync(Limit, Token);
        var step = run.Steps.Should().ContainSingle().Subject;
        var actual = new CorpusCase
        {
            File = expected.File,
            With = expected.With,
            Rows = await RowsAsync(table),
            Rejected = await RejectedAsync(table, placed),
            Fails = step.Failure?.Class ?? FailureClass.None,
            Because = step.Failure?.Message ?? "",
        };
        actual.Fails.Should().Be(expected.Fails, "it failed with: {0}", actual.Because);
        actual.Because.Contains(expected.Because, StringComparison.Ordinal).Should().BeTrue("it failed with: {0}", actual.Because);
        actual.Rows.Should().Equal(expected.Rows);
        actual.Rejected.Should().HaveSameCount(expected.Rejected).And.Equal(expected.Rejected, (was, should) => was.StartsWith(should, StringComparison.Ordinal));
        if (step.Failure is null) step.RowsRead.Should().Be(step.RowsWritten + step.RowsRejected);
        else step.RowsWritten.Should().Be(0);
    }

    private async Task<IReadOnlyList<string>> RowsAsync(TableName table)
    {
        await using var transaction = await warehouse.Database.BeginAsync(Token);
        if (await transaction.DescribeAsync(table, Token) is null) return [];
        var rows = await transaction.QueryAsync(
            $"SELECT concat_ws('|', id, coalesce(name, '∅'), coalesce(amount::text, '∅'), coalesce(day::text, '∅')) FROM {table.ToSql()} ORDER BY rowid", cancellationToken: Token);
        return Shorten([.. rows.Select(row => (string)row[0]!)]);
    }

    private async Task<IReadOnlyList<string>> RejectedAsync(TableName table, string placed)
    {
        await using var transaction = await warehouse.Database.BeginAsync(Token);
        var rows = await transaction.QueryAsync(
            """SELECT source, "position", coalesce(' ' || column_name, ''), reason FROM dataplatform.quarantine WHERE table_name = $1 ORDER BY "position" """, [table.ToString()], Token);
        foreach (var row in rows) ((string)row[0]!).Should().StartWith(placed);
        return Shorten([.. rows.Select(row => string.Create(CultureInfo.InvariantCulture, $"{row[1]}{row[2]}: {row[3]}"))]);
    }

    private static IReadOnlyList<string> Shorten(IReadOnlyList<string> lines) =>
        lines.Count <= ShownRows ? [.. lines.Select(Shorten)] : [Shorten(lines[0]), $"… {lines.Count - 2} more …", Shorten(lines[^1])];

    private static string Shorten(string line) => line.Length <= 3 * ShownCharacters ? line : $"{line[..ShownCharacters]}… ({line.Length} characters)";

    private sealed record Item(long Id, string? Name, [Precision(10, 2)] decimal? Amount, DateOnly? Day);

    /// <summary>The embedded warehouse that all files are loaded into, and a host in which a step is tried once.</summary>
    public sealed class Warehouse : IAsyncDisposable
    {
        private readonly ScratchFolder _folder = new();
        private readonly IHost _host;
        private int _number;

        public Warehouse()
        {
            Database = new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("corpus.duckdb")}");
            Ledgers = new RunLedgers(Database);
            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.AddDataPlatform(options => options.Resilience[ResiliencePipelineNames.Step] = new RetryOptions { MaxRetries = 0 });
            _host = builder.Build();
        }

        internal DuckDbWarehouse Database { get; }

        internal RunLedgers Ledgers { get; }

        internal IServiceProvider Services => _host.Services;

        public async ValueTask DisposeAsync()
        {
            _host.Dispose();
            await Ledgers.DisposeAsync();
            await Database.DisposeAsync();
            _folder.Dispose();
        }

        internal int NextNumber() => Interlocked.Increment(ref _number);
    }
}
