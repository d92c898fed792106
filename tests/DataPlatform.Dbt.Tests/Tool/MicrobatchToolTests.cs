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
        output.Should().Contain("START sql microbatch model main.m").And.Contain("Batch 1 of 3 START batch 20240101 of main.m").And.Contain("Batch 2 of 3 ERROR creating batch 20240102 of main.m")
            .And.Contain("Batch 3 of 3 OK created batch 20240103 of main.m").And.Contain("PARTIALLY created sql microbatch model main.m").And.Contain("[PARTIAL SUCCESS (2/3) in")
            .And.Contain("Completed with 0 errors, 1 partial success, and 0 warnings:").And.Contain("Done. PASS=1 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=2");
        (await shop.QueryAsync("select n from m order by n")).Should().Equal("0", "2");

        (await shop.CallAsync("run --select events --vars {\"word\":\"'7'\"} --target-path elsewhere")).ExitCode.Should().Be(0);
        (exitCode, output) = await shop.CallAsync("retry");
        exitCode.Should().Be(0, output);
        output.Should().Contain("Batch 1 of 1 OK created batch 20240102 of main.m").And.Contain("[SUCCESS in");
        (await shop.QueryAsync("select n from m order by n")).Should().Equal("0", "2", "7");
        shop["target/run_results.json"].Should().Contain("\"failed\": []").And.Contain("2024-01-03T00:00:00+00:00");
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
