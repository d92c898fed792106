using System.ComponentModel.DataAnnotations;
using System.Text;
using CsCheck;
using DataPlatform.Pipelines;
using DataPlatform.Testing;

namespace DataPlatform.Ingestion.Tests.Sources;

/// <summary>CSV files that are longer than a block are read in blocks, several at a time, and give what they give read as a whole.</summary>
public sealed class CsvBlockTests : IDisposable
{
    private const int WholeFile = 1 << 24;

    // What rows are like, and what makes it doubtful where they end.
    private static readonly Gen<string> Line = Gen.Frequency(
        (12, Gen.Select(Gen.Int[0, 99_999], Gen.String[Gen.Char["abcé "], 0, 12], (id, name) => $"{id},{name}")),
        (4, Gen.Select(Gen.Int[0, 99], Gen.String[Gen.Char["a\n\r,"], 0, 30], (id, name) => $"{id},\"{name}\"")),
        (2, Gen.Select(Gen.Int[0, 99], Gen.String[Gen.Char["a\n\","], 0, 20], (id, name) => $"{id},\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")),
        (2, OneOf("x,bad number", "1", "1,2,3", "7,5\" pipe", "\"8\",\"a\"b", "9,a\"\nb\"", "", " ", "#one \" quote", "# \"two\" quotes", "\uFEFF3,mark", "4,\0", "\"5", ",\"", "\"\"\"")),
        (1, Gen.String[Gen.Char["1,\"\n\r #é"], 0, 20]));

    private static readonly Gen<string> Text = Gen.Select(
        OneOf("id,name\n", "id,name\r\n", "name,id\n", "\uFEFFid,name\n", "\"id\",\"na\"\"me\"\n", "\n#\nid,name\n", ""),
        Gen.Select(Line, OneOf("\n", "\n", "\r\n", "\r"), (line, end) => line + end).Array[0, 60],
        OneOf("", "1,no line break", "1,\"open\n\n"),
        (header, lines, end) => header + string.Concat(lines) + end);

    private static readonly Gen<CsvOptions> Options = Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, OneOf(300, 1 << 20, 1000), (header, comment, trim, most) => new CsvOptions
    {
        HasHeader = header,
        Comment = comment ? '#' : null,
        TrimWhitespace = trim,
        MaxRowBytes = most,
    });

    private readonly Inbox _inbox = new();

    public void Dispose() => _inbox.Dispose();

    [Fact]
    public void A_file_gives_in_blocks_of_any_size_what_it_gives_as_a_whole() => Gen.Select(Text, Options, Gen.Int[20, 400], Gen.Bool).Sample(
        (text, options, batchBytes, isInferred) =>
        {
            _inbox.With("p.csv", text);
            var source = isInferred ? From.Csv(_inbox.Store, "*.csv", options) : From.Csv<Person>(_inbox.Store, "*.csv", options);
            var whole = Read(source, WholeFile);
            var inBlocks = Read(source, batchBytes);
            inBlocks.Should().Be(whole);
        },
        threads: 1,
        iter: 3000);

    [Fact]
    public async Task Rows_come_in_the_order_of_the_file_with_the_lines_that_they_are_in()
    {
        var text = new StringBuilder("id,name\n");
        for (var i = 0; i < 20_000; i++) text.Append(i % 1000 == 999 ? $"x{i},\"a\nb\"\n" : $"{i},\"line\nbreak\"\n");
        _inbox.With("p.csv", text.ToString());
        var result = await ReadResult.OfAsync(From.Csv<Person>(_inbox.Store, "*.csv"), new SourceContext { BatchBytes = 8192, ThreadsOfFile = 2 });
        result.Batches.Should().BeGreaterThan(50);
        result.Rows.Select(row => (long)row[0]!).Should().Equal(Enumerable.Range(0, 20_000).Where(i => i % 1000 != 999).Select(i => (long)i));
        result.Rejected.Select(row => row.Position).Should().Equal(Enumerable.Range(0, 20).Select(i => 2L + (2 * ((i * 1000) + 999))));
        result.Completed.Should().ContainSingle().Which.Rows.Should().Be(20_000);
    }

    [Fact]
    public async Task Blocks_are_typed_at_the_same_time()
    {
        _inbox.With("p.csv", "id,name\n" + string.Concat(Enumerable.Range(0, 1000).Select(i => $"{i},{(i is 100 or 200 ? "wait" : "go on")}\n")));
        var result = await ReadResult.OfAsync(From.Csv<Meeting>(_inbox.Store, "*.csv"), new SourceContext { BatchBytes = 1600, ThreadsOfFile = 2 });
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().HaveCount(1000);
    }

    [Fact]
    public async Task A_file_that_was_begun_is_gone_on_with_behind_its_rows()
    {
        _inbox.With("p.csv", "id,name\n" + string.Concat(Enumerable.Range(0, 1000).Select(i => $"{(i == 700 ? "x" : "")}{i},name\n")));
        var source = From.Csv<Person>(_inbox.Store, "*.csv");
        SourceObject? open = null;
        await foreach (var batch in source.ReadAsync(new SourceContext { BatchBytes = 1600, ThreadsOfFile = 2, Contract = source.Contract! }, TestContext.Current.CancellationToken))
        {
            using (batch)
            {
                if (batch.OpenObject is { Rows: >= 300 }) open = batch.OpenObject;
                if (open is not null) break;
            }
        }

        open!.Rows.Should().BeLessThan(700);
        var context = new SourceContext { BatchBytes = 1600, ThreadsOfFile = 2, CursorLookup = (_, _) => Task.FromResult<string?>(System.Text.Json.JsonSerializer.Serialize(open)) };
        var rest = await ReadResult.OfAsync(source, context);
        rest.Rows.Should().HaveCount(1000 - (int)open.Rows - 1);
        rest.Rows[0][0].Should().Be(open.Rows);
        rest.Rejected.Should().ContainSingle().Which.Position.Should().Be(702);
        rest.Completed.Should().ContainSingle().Which.Rows.Should().Be(1000);
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static string Read(ISource source, int batchBytes)
    {
        var told = new StringBuilder();
        try
        {
            ReadAsync(source, batchBytes, told).GetAwaiter().GetResult();
        }
        catch (DataPlatformException exception)
        {
            // Of what was read before, more or less was given by then.
            return exception.Message + exception.Hint;
        }

        return told.ToString();
    }

    private static async Task ReadAsync(ISource source, int batchBytes, StringBuilder told)
    {
        var context = new SourceContext { BatchBytes = batchBytes, ThreadsOfFile = 3 };
        if (await source.InferContractAsync(context, CancellationToken.None) is not { } contract) return;
        var rejected = new StringBuilder();
        try
        {
            await foreach (var batch in source.ReadAsync(context.With(contract), CancellationToken.None))
            {
                using (batch)
                {
                    foreach (var row in batch.Rows?.ToRows() ?? []) told.AppendJoin('|', row).Append('¶');
                    foreach (var row in batch.Rejected) rejected.Append(row).AppendJoin(',', row.FieldNames ?? []).Append('¶');
                    foreach (var completed in batch.CompletedObjects) told.Append(completed.Rows).Append(" rows¶");
                }
            }
        }
        finally
        {
            told.Append(rejected);
        }
    }

    private sealed record Person(long Id, string? Name);

    private sealed record Meeting(long Id, [MeetsAnother] string Name);

    /// <summary>Holds for a value that waits when another one waits at the same time.</summary>
    [AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
    private sealed class MeetsAnotherAttribute : ValidationAttribute
    {
        private static readonly Barrier Both = new(2);

        public override bool IsValid(object? value) => value is not "wait" || Both.SignalAndWait(TimeSpan.FromSeconds(30));
    }
}
