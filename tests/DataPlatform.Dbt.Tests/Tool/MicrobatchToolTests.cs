using System.Text.Json;
using System.Text.RegularExpressions;
using DataPlatform.Testing;

namespace DataPlatform.Dbt.Tool;

/// <summary>Microbatch models at the command line.</summary>
public sealed class MicrobatchToolTests
{
    [Fact]
    public async Task A_retry_runs_the_batches_that_failed()
    {
        using var shop = new ToolFixture()
            .Write("models/events.sql", "{{ config(event_time='moment') }} select i as id, timestamp '2024-01-01' + i * interval 1 day as moment, {{ var('word', \"'x'\") }} as word from range(3) t(i)")
            .Write("models/m.sql", """
                {{ config(materialized='incremental', incremental_strategy='microbatch', event_time='moment', batch_size='day', begin='2024-01-01') }}
                select id, moment, case when id = 1 then cast(word as integer) else id end as n from {{ ref('events') }}
                """);

        var (exitCode, output) = await shop.CallAsync("run --event-time-start 2024-01-01 --event-time-end 2024-01-04");
        exitCode.Should().Be(1);
        shop.Results().Should().BeEquivalentTo(new Dictionary<string, string> { ["events"] = "success", ["m"] = "partial success" });
        output.Should().Contain("START sql microbatch model main.m").And.Contain("Batch 1 of 3 START batch 2024-01-01 of main.m").And.Contain("Batch 2 of 3 ERROR creating batch 2024-01-02 of main.m")
            .And.Contain("Batch 3 of 3 OK created batch 2024-01-03 of main.m").And.Contain("PARTIALLY created sql microbatch model main.m").And.Contain("[PARTIAL SUCCESS (2/3) in")
            .And.Contain("Completed with 1 partial success and 0 warnings").And.Contain("Done. PASS=1 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=2");
        (await shop.QueryAsync("select n from m order by n")).Should().Equal("0", "2");

        (await shop.CallAsync("run --select events --vars {\"word\":\"'7'\"} --target-path elsewhere")).ExitCode.Should().Be(0);
        (exitCode, output) = await shop.CallAsync("retry");
        exitCode.Should().Be(0, output);
        output.Should().Contain("Batch 1 of 1 OK created batch 2024-01-02 of main.m").And.Contain("[SUCCESS in");
        (await shop.QueryAsync("select n from m order by n")).Should().Equal("0", "2", "7");
        shop["target/run_results.json"].Should().Contain("\"failed\": []").And.Contain("2024-01-03T00:00:00+00:00");
    }

    [Fact]
    public async Task Its_lines_are_those_of_dbt()
    {
        using var shop = await ToolFixture.OnAsync("postgres");
        shop.Write("models/mb_src.sql", "{{ config(materialized='table', event_time='at') }} select i as id, timestamp '2024-01-01' + (i - 1) * interval '1 day' as at from generate_series(1, 3) as s(i)")
            .Write("models/mb.sql", "{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='id', event_time='at', batch_size='day', begin='2024-01-01') }} select id, at, 1 / (id - 2) as n from {{ ref('mb_src') }}");

        var (_, output) = await shop.CallAsync("--log-format json run --event-time-start 2024-01-01 --event-time-end 2024-01-04 --full-refresh");

        // What an exception is like is another's affair, and the schema another.
        var recorded = Lines(File.ReadLines(RecordedDbt.File("mb_run", "stdout.jsonl"))).Where(line => !line.StartsWith("GenericExceptionOnRun", StringComparison.Ordinal)).Select(line => line.Replace("lab.", "main.", StringComparison.Ordinal));
        Lines(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Where(line => !line.StartsWith("RunResultError", StringComparison.Ordinal)).Should().Equal(recorded);

        // From the first node on, without colours, times and the dots that fill a line.
        static IEnumerable<string> Lines(IEnumerable<string> lines) => lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("info"))
            .Select(info => $"{info.GetProperty("name")} {info.GetProperty("code")} {info.GetProperty("level")} {Regex.Replace(info.GetProperty("msg").GetString()!, @"\x1b\[\d+m| \.{3,}|[\d.]+ ?s(econds)?\b", "")}")
            .SkipWhile(line => !line.StartsWith("LogStartLine", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--event-time-end 2024-01-01", "When specifying `--event-time-end`, `--event-time-start` must also be present.")]
    [InlineData("--event-time-start 2024-01-02 --event-time-end 2024-01-02", "Value for `--event-time-start` must be less than `--event-time-end`.")]
    [InlineData("--event-time-start 9999-01-02", "Value for `--event-time-start` must be less than the current time if `--event-time-end` is not specified.")]
    [InlineData("--sample 3_weeks", "Invalid value for '--sample': '3_weeks' is neither a number of hours, days, months or years, such as '3 days', nor a map with a start and a later end.")]
    [InlineData("--event-time-start yesterday", "Invalid value for '--event-time-start': 'yesterday' does not match the formats")]
    public async Task Refuses_times_that_are_none(string options, string expected)
    {
        using var shop = new ToolFixture();
        var (exitCode, output) = await shop.CallAsync($"run {options}");
        exitCode.Should().Be(2);
        output.Should().Contain(expected);
    }
}
