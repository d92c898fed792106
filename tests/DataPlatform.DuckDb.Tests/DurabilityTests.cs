using System.Globalization;
using System.Text.RegularExpressions;
using DataPlatform.Testing;

namespace DataPlatform.DuckDb.Tests;

public sealed partial class DurabilityTests : DuckDbTest
{
    [Fact]
    public async Task What_was_committed_is_there_after_kill_9_and_nothing_of_what_was_not()
    {
        const int Kills = 6;
        for (var kill = 0; kill < Kills; kill++)
        {
            var file = Folder.Combine($"{kill}.duckdb");
            await using var process = StartProcess("commit", file);

            // Every fifth transaction is large: it is written to the file before the commit, the others only to the log.
            await process.WaitForAsync($"committed {3 + 2 * kill}.");
            await Task.Delay(kill * 7, Cancelled);
            process.Send(JobSignal.Kill);
            var told = Committed.Matches((await process.WaitAsync()).Output).Select(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).Max();

            await using var warehouse = new DuckDbWarehouse("warehouse", file);
            await using var transaction = await warehouse.BeginAsync(Cancelled);
            var found = await transaction.QueryAsync("SELECT n, expected FROM raw.records ORDER BY n", null, Cancelled);
            found.Select(row => (long)row[0]!).Should().Equal(Enumerable.Range(1, found.Count).Select(n => (long)n));
            found.Count.Should().BeInRange((int)told, (int)told + 1, "the last commit may have been done and not been told of");
            var rows = await transaction.QueryAsync("SELECT n, count(*), count(DISTINCT text) FROM raw.rows GROUP BY n ORDER BY n", null, Cancelled);
            rows.ShouldEqual([.. found.Select(record => (object?[])[record[0], record[1], record[1]])]);
        }
    }

    [GeneratedRegex(@"committed (\d+)\.")]
    private static partial Regex Committed { get; }
}
