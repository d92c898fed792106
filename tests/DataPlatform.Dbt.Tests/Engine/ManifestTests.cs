using System.Text.Json;

namespace DataPlatform.Dbt.Engine;

/// <summary>The manifest holds what those who read dbt's manifests look for.</summary>
public sealed class ManifestTests
{
    [Theory]
    [OnBothWarehouses]
    public async Task Configurations_have_all_keys_that_dbt_gives_them(string system)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Write("seeds/s.csv", "id\n1\n").Write("models/m.sql", "{{ config(materialized='table', tags=['t']) }}select id, '{{ model.config.on_schema_change }}' as mode from {{ ref('s') }}")
            .Write("models/schema.yml", "models: [{name: m, columns: [{name: id, data_tests: [{not_null: {config: {severity: warn}}}]}]}]");
        await project.BuildAsync();

        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(project.Target, "manifest.json")));
        var nodes = manifest.RootElement.GetProperty("nodes").EnumerateObject().Select(node => node.Value).ToDictionary(node => node.GetProperty("name").GetString()!);
        // The keys are those of a recording of dbt 1.11.
        Keys(nodes["m"]).Should().BeEquivalentTo(
            "enabled", "alias", "schema", "database", "tags", "meta", "group", "materialized", "incremental_strategy", "batch_size", "lookback", "begin", "persist_docs", "post-hook", "pre-hook", "quoting",
            "column_types", "full_refresh", "unique_key", "on_schema_change", "on_configuration_change", "grants", "packages", "docs", "contract", "event_time", "concurrent_batches", "access", "freshness");
        Keys(nodes["s"]).Should().Contain(["delimiter", "quote_columns"]).And.NotContain("access");
        Keys(nodes["not_null_m_id"]).Should().BeEquivalentTo(
            "enabled", "alias", "schema", "database", "tags", "meta", "group", "materialized", "severity", "store_failures", "store_failures_as", "where", "limit", "fail_calc", "warn_if", "error_if");
        nodes["not_null_m_id"].GetProperty("config").GetProperty("severity").GetString().Should().Be("warn");
        nodes["m"].GetProperty("config").GetProperty("tags").GetRawText().Should().Be("[\"t\"]");
        (await project.QueryAsync("select mode from main.m")).Should().Equal("ignore");
    }

    [Fact]
    public async Task Sources_say_how_fresh_they_are_to_be_in_their_configuration()
    {
        await using var project = new EngineFixture().Write("models/schema.yml", """
            sources:
              - name: raw
                loaded_at_field: at
                freshness: {warn_after: {count: "{{ 2 * 3 }}", period: hour}}
                tables: [{name: a}, {name: b, freshness: null}, {name: c, config: {freshness: {error_after: {count: 1, period: day}}}}]
            """)
            .Write("models/m.sql", "{% for node in graph.sources.values() if execute %}{{ node.name }} {{ tojson(node.config.freshness) }} {{ node.freshness == node.config.freshness }} {{ node.config.loaded_at_field }}\n{% endfor %}");

        var compiled = (await project.RunAsync(DbtCommand.Compile)).Results.Single().CompiledCode;

        compiled.Should().Be("""
            a {"warn_after": {"count": 6, "period": "hour"}, "error_after": {"count": null, "period": null}, "filter": null} True at
            b null True at
            c {"warn_after": {"count": null, "period": null}, "error_after": {"count": 1, "period": "day"}, "filter": null} True at

            """);
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Nothing_is_read_of_an_empty_run(string system)
    {
        await using var project = await EngineFixture.OnAsync(system);
        await project.ExecuteAsync("create table big as select 1 as id, 'x' as name");
        project.Write("models/schema.yml", $"sources: [{{name: raw, schema: main, tables: [{{name: big}}]}}]")
            .Write("models/t.sql", "{{ config(materialized='table') }}select count(*) as n, '{{ flags.EMPTY }}' as mode from {{ source('raw', 'big') }}")
            .Write("models/e.sql", "{{ config(materialized='ephemeral') }}select * from {{ ref('t') }}")
            .Write("models/m.sql", "{{ config(materialized='table') }}select {% for column in adapter.get_columns_in_relation(ref('t')) %}'{{ column.name }}' as c{{ loop.index }}, {% endfor %}(select count(*) from {{ ref('e') }}) as n, (select n from {{ ref('t').render() }}) as all_rows");
        project.Options = project.Options with { Empty = true };
        await project.BuildAsync();

        (await project.QueryAsync("select * from t")).Should().Equal("0|True");
        (await project.QueryAsync("select * from m")).Should().Equal("n|mode|0|0");
    }

    private static IEnumerable<string> Keys(JsonElement node) => node.GetProperty("config").EnumerateObject().Select(property => property.Name);
}
