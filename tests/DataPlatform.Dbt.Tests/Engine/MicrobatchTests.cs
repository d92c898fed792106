using DataPlatform.Dbt.Project;
using Microsoft.Extensions.Time.Testing;

namespace DataPlatform.Dbt.Engine;

/// <summary>Incremental models that are built by batches of time.</summary>
public sealed class MicrobatchTests
{
    private const string Sources = """
        sources:
          - name: raw
            schema: main
            tables: [{name: events, config: {event_time: moment}}]
        """;

    private const string Model = """
        {{ config(materialized='incremental', incremental_strategy='microbatch', unique_key=('id' if target.type == 'postgres' else none), event_time='moment', batch_size='day', begin='2024-01-01') }}
        select id, moment, word, '{{ model.batch.id }}' as batch, {{ 1 if is_incremental() else 0 }} as increment from {{ source('raw', 'events') }}
        """;

    [Theory]
    [OnBothWarehouses]
    public async Task Builds_all_batches_at_first_and_later_the_last_ones(string system)
    {
        await using var project = await ShopAsync(system, "2024-01-03T12:00:00Z");
        await project.ExecuteAsync("insert into events values (1, '2023-12-31 23:00', 'before'), (2, '2024-01-01 00:00', 'first'), (3, '2024-01-02 23:59:59', 'second'), (4, '2024-01-03 11:00', 'third'), (5, '2024-01-04 00:00', 'later')");
        project.Write("models/m.sql", Model);

        var result = (await project.RunAsync()).Results.Single();
        (result.Status, result.Message, result.Rows).Should().Be(("success", "SUCCESS", 3));
        (await project.QueryAsync("select id, batch, increment from m order by id")).Should().Equal("2|20240101|0", "3|20240102|1", "4|20240103|1");
        result.Batches!.Successful.Select(batch => batch.Iso).Should().Equal(
            ("2024-01-01T00:00:00+00:00", "2024-01-02T00:00:00+00:00"), ("2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"), ("2024-01-03T00:00:00+00:00", "2024-01-04T00:00:00+00:00"));
        project.Lines.Should().NotContain(line => line.Contains("no filtering", StringComparison.Ordinal));

        // A row of the batch before the last one is looked back at, one of before that is not.
        await project.ExecuteAsync("update events set word = 'changed'");
        await project.ExecuteAsync("insert into events values (6, '2024-01-03 01:00', 'late'), (7, '2024-01-01 01:00', 'too late')");
        await RunAtAsync(project, "2024-01-04T00:00:01Z");
        (await project.QueryAsync("select id, word, batch from m order by id")).Should().Equal(
            "2|first|20240101", "3|second|20240102", "4|changed|20240103", "5|changed|20240104", "6|late|20240103");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Rows_that_are_there_are_replaced(string system)
    {
        await using var project = await ShopAsync(system, "2024-01-02T12:00:00Z");
        await project.ExecuteAsync("insert into events values (1, '2024-01-01 01:00', 'a'), (2, '2024-01-02 01:00', 'b')");
        await project.Write("models/m.sql", Model).BuildAsync();
        await project.ExecuteAsync("delete from events where id = 2");
        await project.ExecuteAsync("insert into events values (3, '2024-01-02 02:00', 'c')");
        await project.BuildAsync();

        // A merge leaves what the batch does not have, where the batch's own time is replaced.
        (await project.QueryAsync("select id from m order by id")).Should().Equal(system == "postgres" ? ["1", "2", "3"] : ["1", "3"]);
        project.Options = project.Options with { FullRefresh = true };
        await project.BuildAsync();
        (await project.QueryAsync("select id, increment from m order by id")).Should().Equal("1|0", "3|0");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Batches_that_fail_leave_the_others_and_are_run_again(string system)
    {
        await using var project = await ShopAsync(system, "2024-01-03T12:00:00Z");
        await project.ExecuteAsync("insert into events values (1, '2024-01-01 01:00', '1'), (2, '2024-01-02 01:00', 'x'), (3, '2024-01-03 01:00', '3')");
        project.Write("models/m.sql", Model.Replace("word,", "cast(word as integer) as word,", StringComparison.Ordinal)).Write("models/after.sql", "select * from {{ ref('m') }}");

        var results = (await project.RunAsync()).Results;
        var result = results.Single(result => result.Node.Name == "m");
        result.Status.Should().Be("partial success");
        result.Message.Should().StartWith("PARTIAL SUCCESS (2/3)\n  batch 2024-01-02: Database Error in model m (models/m.sql)\n");
        File.ReadAllText(Path.Combine(project.Target, "compiled/shop/models/m/m_2024-01-02.sql")).Should().Contain("moment >= '2024-01-02 00:00:00+00:00' and moment < '2024-01-03 00:00:00+00:00'");
        result.Batches!.Failed.Select(batch => batch.StartText).Should().Equal("2024-01-02 00:00:00+00:00");
        results.Single(result => result.Node.Name == "after").Status.Should().Be("skipped");
        (await project.QueryAsync("select id from m order by id")).Should().Equal("1", "3");
        File.ReadAllText(Path.Combine(project.Target, "run_results.json")).Should().Contain("\"batch_results\": {\"successful\": [[\"2024-01-01T00:00:00+00:00\", \"2024-01-02T00:00:00+00:00\"],");

        await project.ExecuteAsync("update events set word = '2' where id = 2");
        project.Options = project.Options with { FullRefresh = true, PreviousBatches = new Dictionary<string, BatchResults> { ["model.shop.m"] = result.Batches } };
        result = (await project.RunAsync()).Results.Single(result => result.Node.Name == "m");
        result.Status.Should().Be("success");
        result.Batches!.Successful.Should().HaveCount(3);
        (await project.QueryAsync("select id from m order by id")).Should().Equal("1", "2", "3");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task When_the_first_batch_fails_the_others_are_not_tried(string system)
    {
        await using var project = await ShopAsync(system, "2024-01-03T12:00:00Z");
        project.Write("models/m.sql", Model.Replace("word,", "nowhere,", StringComparison.Ordinal));

        var result = (await project.RunAsync()).Results.Single();
        (result.Status, result.Batches!.Successful.Count, result.Batches.Failed.Count).Should().Be(("error", 0, 3));
        result.Message.Should().StartWith("ERROR\n  batch 2024-01-01: Database Error").And.NotContain("2024-01-02");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Hooks_run_before_the_first_batch_and_after_the_last(string system)
    {
        await using var project = await ShopAsync(system, "2024-01-03T12:00:00Z");
        await project.ExecuteAsync("create table log (line varchar(50))");
        project.Write("models/m.sql", Model.Replace("config(", "config(pre_hook=\"insert into log values ('before {{ model.batch.id }}')\", post_hook=\"insert into log values ('after {{ model.batch.event_time_end }}')\", ", StringComparison.Ordinal));
        await project.BuildAsync();

        (await project.QueryAsync("select line from log")).Should().Equal("before 20240101", "after 2024-01-04T00:00:00+00:00");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Takes_the_time_that_was_asked_for_and_inputs_of_all_kinds(string system)
    {
        await using var project = await ShopAsync(system, "2024-02-01T00:00:00Z");
        await project.ExecuteAsync("insert into events values (1, '2024-01-10 01:00', 'a'), (2, '2024-01-11 01:00', 'b'), (3, '2024-01-12 01:00', 'c')");
        project.Write("models/e.sql", "{{ config(materialized='ephemeral', event_time='moment') }} select * from {{ source('raw', 'events') }}")
            .Write("models/v.sql", "{{ config(event_time='moment') }} select * from {{ source('raw', 'events') }}")
            .Write("models/all_rows.sql", "select count(*) as n from {{ source('raw', 'events') }}")
            .Write("models/m.sql", """
                {{ config(materialized='incremental', incremental_strategy='microbatch', unique_key=('id' if target.type == 'postgres' else none), event_time='moment', batch_size='day', begin='2024-01-01', lookback=0, concurrent_batches=true) }}
                select v.id, v.moment, (select n from {{ ref('all_rows') }}) as n from (select * from {{ ref('v') }}) as v join (select id from {{ ref('e') }}) as e using (id)
                """);
        project.Options = project.Options with { EventTimeStart = new DateTime(2024, 1, 11, 5, 0, 0), EventTimeEnd = new DateTime(2024, 1, 12) };
        await project.BuildAsync();

        (await project.QueryAsync("select id, n from m")).Should().Equal("2|3");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_sample_is_read_of_inputs_with_a_time(string system)
    {
        await using var project = await ShopAsync(system, "2024-02-01T00:00:00Z");
        await project.ExecuteAsync("insert into events values (1, '2024-01-10 01:00', 'a'), (2, '2024-01-11 01:00', 'b'), (3, '2024-01-12 01:00', 'c')");
        project.Write("models/t.sql", "{{ config(materialized='table', event_time='moment') }} select * from {{ source('raw', 'events') }}")
            .Write("models/m.sql", Model.Replace("{{ source('raw', 'events') }}", "{{ ref('t') }}", StringComparison.Ordinal))
            .Write("tests/all.sql", "select count(*) from {{ source('raw', 'events') }} having count(*) <> 3");
        project.Options = project.Options with { Sample = Microbatch.ReadSample("{start: 2024-01-11, end: '2024-01-12 00:30:00'}", default) };
        await project.BuildAsync();

        (await project.QueryAsync("select id from t")).Should().Equal("2");
        (await project.QueryAsync("select id, batch from m")).Should().Equal("2|20240111");
    }

    [Theory]
    [InlineData("3 days", "2024-02-27 00:00:00+00:00 2024-03-01 12:30:00+00:00")]
    [InlineData("1 Month", "2024-02-01 00:00:00+00:00 2024-03-01 12:30:00+00:00")]
    [InlineData("{start: 2024-01-01, end: 2024-01-02T06:00:00}", "2024-01-01 00:00:00+00:00 2024-01-02 06:00:00+00:00")]
    [InlineData("{start: 2024-01-01, end: 2024-01-01}", null)]
    [InlineData("3 weeks", null)]
    [InlineData("-3 days", null)]
    [InlineData("days", null)]
    public void A_sample_is_of_days_back_or_from_one_moment_to_another(string text, string? expected)
    {
        var sample = Microbatch.ReadSample(text, new DateTime(2024, 3, 1, 12, 30, 0));

        (sample is null ? null : $"{sample.StartText} {sample.EndText}").Should().Be(expected);
    }

    [Theory]
    [InlineData("hour", "2024-01-01T22:30:00Z", "2024-01-01T20", "2024-01-01T20 2024-01-01T21 2024-01-01T22")]
    [InlineData("day", "2024-03-01T00:00:00Z", "2024-02-28", "2024-02-28 2024-02-29")]
    [InlineData("month", "2024-03-01T00:00:01Z", "2024-01-31", "2024-01-01 2024-02-01 2024-03-01")]
    [InlineData("year", "2026-01-01T00:00:00Z", "2024-06-01 12:00:00", "2024-01-01 2025-01-01")]
    public void Batches_are_whole_hours_days_months_or_years(string size, string now, string begin, string expected)
    {
        var node = new DbtNode { UniqueId = "model.shop.m", Type = ResourceType.Model, Package = "shop", Name = "m", Path = "m.sql", OriginalPath = "models/m.sql", Fqn = [] };
        node.Config.Merge([new("event_time", "at"), new("batch_size", size), new("begin", begin.Contains('T', StringComparison.Ordinal) ? begin + ":00" : begin)]);
        var microbatch = Microbatch.Read(node);

        string.Join(' ', microbatch.Find(isIncremental: false, null, null, DateTimeOffset.Parse(now, null).UtcDateTime).Select(microbatch.Name)).Should().Be(expected);
    }

    [Theory]
    [InlineData("", "models/m.sql:1: Microbatch model 'm' must provide an 'event_time' (text) config: the column that says when a row happened.")]
    [InlineData("event_time='moment'", "models/m.sql:1: Microbatch model 'm' must provide a 'begin' (datetime) config: the earliest moment that the model is built from.")]
    [InlineData("event_time='moment', begin='soon'", "must provide a 'begin' config that is a moment in ISO format, such as 2024-01-01 or 2024-01-01T06:00:00, and not 'soon'.")]
    [InlineData("event_time='moment', begin='2024-01-01'", "must provide a 'batch_size' config, one of hour, day, month, year.")]
    [InlineData("event_time='moment', begin='2024-01-01', batch_size='week'", "must provide a 'batch_size' config, one of hour, day, month, year, and not 'week'.")]
    [InlineData("event_time='moment', begin='2024-01-01', batch_size='day', lookback='2'", "must provide a 'lookback' config that is a whole number, zero or more, when it has one, and not '2'.")]
    [InlineData("event_time='moment', begin='2024-01-01', batch_size='day', concurrent_batches='no'", "must provide a 'concurrent_batches' config that is true or false, when it has one, and not 'no'.")]
    [InlineData("event_time='moment', begin='2024-01-01', batch_size='day', unique_key='id'", "Microbatch model 'm' must not have a 'unique_key' config: on DuckDB each batch takes the place of the rows of its time.")]
    [InlineData("event_time='moment', begin='2024-01-01', batch_size='day'", "Microbatch model 'm' must provide a 'unique_key' config: on PostgreSQL each batch is merged by it.", "postgres")]
    public async Task A_configuration_that_lacks_something_stops(string config, string expected, string system = "duckdb")
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Write("models/m.sql", $"{{{{ config(materialized='incremental', incremental_strategy='microbatch'{(config.Length > 0 ? ", " : "")}{config}) }}}} select 1 as id");

        (await project.FailAsync()).Should().Contain(expected);
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_strategy_of_that_name_that_the_project_has_is_not_run_by_batches(string system)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Write("models/m.sql", "{{ config(materialized='incremental', incremental_strategy='microbatch') }} select {{ 2 if is_incremental() else 1 }} as n")
            .Write("macros/own.sql", "{% macro get_incremental_microbatch_sql(arg_dict) %}insert into {{ arg_dict.target_relation }} select n * 10 from {{ arg_dict.temp_relation }}{% endmacro %}");
        await project.BuildAsync();
        await project.BuildAsync();

        (await project.QueryAsync("select n from m order by n")).Should().Equal("1", "20");
    }

    [Fact]
    public async Task Warns_when_no_input_can_be_filtered()
    {
        await using var project = new EngineFixture().Write("models/a.sql", "select 1 as id, timestamp '2024-01-01' as moment")
            .Write("models/m.sql", "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='moment', begin='2024-01-01', batch_size='year') }} select * from {{ ref('a') }}");
        await project.OpenAsync();

        project.Lines.Should().ContainSingle(line => line.StartsWith("warn: The microbatch model 'm' has no 'ref' or 'source' input with an 'event_time' configuration.", StringComparison.Ordinal));
    }

    private static async Task<EngineFixture> ShopAsync(string system, string now)
    {
        var project = await EngineFixture.OnAsync(system);
        project.Write("models/sources.yml", Sources);
        project.Options = project.Options with { Time = new FakeTimeProvider(DateTimeOffset.Parse(now, null)) };
        await project.ExecuteAsync("create table events (id integer, moment timestamp, word varchar(20))");
        return project;
    }

    private static Task RunAtAsync(EngineFixture project, string now)
    {
        project.Options = project.Options with { Time = new FakeTimeProvider(DateTimeOffset.Parse(now, null)) };
        return project.BuildAsync();
    }
}
