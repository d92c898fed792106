using System.Globalization;

namespace DataPlatform.Ingestion.Tests.Corpus;

/// <summary>
/// Files of the corpus, damaged at random: whatever comes of one, it is rows, rejected rows, or a failure that says it is the data's. <c>MUTATIONS</c> sets how many of each format are tried,
/// <c>MUTATION_SEED</c> repeats one that failed.
/// </summary>
public sealed class MutationTests
{
    private const int UsualCount = 600;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static readonly byte[] Telling = [0, 1, (byte)'"', (byte)',', (byte)'\n', (byte)'{', (byte)'[', (byte)'\\', 0x7F, 0x80, 0xFF, (byte)'9', (byte)'-'];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("csv")]
    [InlineData("json")]
    [InlineData("parquet")]
    public async Task What_is_damaged_is_read_rejected_or_refused(string format)
    {
        var files = CorpusCase.ListOf(format).Select(c => (Case: c, Bytes: MadeFiles.Find(format, c.File) ?? File.ReadAllBytes(Path.Combine(CorpusCase.FolderOf(format), c.File)))).Where(f => f.Bytes.Length is > 0 and < 100_000).ToList();
        var first = Number("MUTATION_SEED") ?? 1;
        var count = Number("MUTATION_SEED") is null ? Number("MUTATIONS") ?? UsualCount : 1;
        for (var seed = first; seed < first + count; seed++)
        {
            var random = new Random(seed);
            var (expected, bytes) = files[random.Next(files.Count)];
            var damaged = Damage(bytes, files[random.Next(files.Count)].Bytes, random);
            using var inbox = new Inbox();
            inbox.With(expected.File, damaged);
            try
            {
                await ReadAsync(CorpusTests.SourceOf(inbox, expected)).WaitAsync(Limit, Token);
            }
            catch (DataPlatformException exception) when (exception.FailureClass == FailureClass.Data)
            {
                exception.Message.Should().Contain(expected.File);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"MUTATION_SEED={seed}, {expected.File}, now {Convert.ToBase64String(damaged)}", exception);
            }
        }
    }

    private static async Task ReadAsync(ISource source)
    {
        var context = new SourceContext { Contract = source.Contract! };
        await foreach (var batch in source.ReadAsync(context, Token))
        {
            using (batch)
            {
                foreach (var row in batch.Rejected)
                {
                    row.Position.Should().BePositive();
                    row.Reason.Should().NotBeEmpty();
                }
            }
        }
    }

    private static byte[] Damage(byte[] file, byte[] other, Random random)
    {
        List<byte> bytes = [.. file];
        for (var times = random.Next(1, 5); times > 0 && bytes.Count > 0; times--)
        {
            var at = random.Next(bytes.Count);
            var length = Math.Min(random.Next(1, 17), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = Telling[random.Next(Telling.Length)];
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - length + 1), length));
                    break;
                case 4:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.InsertRange(at, other.Skip(random.Next(other.Length)).Take(length * 4));
                    break;
            }
        }

        return [.. bytes];
    }

    private static int? Number(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
