namespace DataPlatform.Dbt.Tool;

/// <summary>Selection by what an earlier run left, and reading what it made.</summary>
public sealed class StateTests
{
    [Theory]
    [OnBothWarehouses]
    public async Task Selects_what_has_changed(string system)
    {
        using var shop = await ShopAsync(system);
        (await shop.CallAsync("build --target prod")).ExitCode.Should().Be(0);
        shop.Copy("target", "before");
        (await shop.ListAsync("-s state:modified --indirect-selection empty --state before")).Should().BeEmpty("another target is no change");

        shop.Write("models/b.sql", "select n + 1 as n from {{ ref('a') }}");
        (await shop.ListAsync("-s state:modified --indirect-selection empty --state before")).Should().Be("b");
        (await shop.ListAsync("-s state:modified+ --state before")).Should().Be("b c not_null_b_n", "what tests it comes along");
        (await shop.ListAsync("-s state:modified.configs --indirect-selection empty --state before")).Should().BeEmpty();

        shop.Write("models/c.sql", "{{ config(materialized='table', meta={'owner': 'x'}) }} select * from {{ ref('b') }}");
        (await shop.ListAsync("-s state:modified.configs --indirect-selection empty --state before")).Should().Be("c");
        (await shop.ListAsync("-s state:modified.body --indirect-selection empty --state before")).Should().Be("b c");

        shop.Write("models/d.sql", "select 1 as n");
        (await shop.ListAsync("-s state:new --indirect-selection empty --state before")).Should().Be("d");
        (await shop.ListAsync("-s state:old,resource_type:model --indirect-selection empty --state before")).Should().Be("a b c");

        shop.Write("macros/m.sql", "{% macro m() %}3{% endmacro %}");
        (await shop.ListAsync("-s state:modified.macros --indirect-selection empty --state before")).Should().Be("a");
        shop.Write("models/a.sql", "{{ config(alias='other') }}select {{ m() }} as n");
        (await shop.ListAsync("-s state:modified.relation --indirect-selection empty --state before")).Should().Be("a d", "d was nowhere before");
        (await shop.CallAsync("ls -s state:modified")).Output.Should().Contain("there is no earlier manifest to compare with");
        (await shop.CallAsync("ls -s state:modified --state nowhere")).ExitCode.Should().Be(2);
        shop.Write("before/manifest.json", "{\n\"nodes\": oh");
        (await shop.CallAsync("ls -s state:modified --state before")).Output.Should().Contain("before/manifest.json:2: this is not an artifact of dbt");
    }

    [Fact]
    public async Task Descriptions_and_contracts_are_changes_where_they_matter()
    {
        const string Yaml = "models:\n  - name: {0}\n    description: {1}\n    config: {{contract: {{enforced: {2}}}, persist_docs: {{relation: {2}}}}}\n    columns: [{{name: n, data_type: {3}}}]\n";
        using var shop = new ToolFixture().Write("models/a.sql", "select 1::integer as n").Write("models/b.sql", "select 1::integer as n");
        Describe("one", "integer");
        (await shop.CallAsync("parse")).ExitCode.Should().Be(0);
        shop.Copy("target", "before");

        Describe("two", "integer");
        (await shop.ListAsync("-s state:modified --state before")).Should().Be("a");
        (await shop.ListAsync("-s state:modified.persisted_descriptions --state before")).Should().Be("a");
        Describe("one", "bigint");
        (await shop.ListAsync("-s state:modified.contract --state before")).Should().Be("a");

        void Describe(string text, string type)
        {
            foreach (var (name, isEnforced) in new[] { ("a", "true"), ("b", "false") })
                shop.Write($"models/{name}.yml", string.Format(System.Globalization.CultureInfo.InvariantCulture, Yaml, name, text, isEnforced, type));
        }
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Selects_by_earlier_results(string system)
    {
        using var shop = await ShopAsync(system);
        shop.Write("models/c.sql", "select nope from {{ ref('b') }}");
        (await shop.CallAsync("build")).ExitCode.Should().Be(1);
        shop.Copy("target", "before");
        (await shop.ListAsync("-s result:error --state before")).Should().Be("c");
        (await shop.ListAsync("-s result:pass --state before")).Should().Be("not_null_b_n");
        (await shop.ListAsync("-s result:success,config.materialized:view --indirect-selection empty --state before")).Should().Be("b");
    }

    [Theory]
    [OnBothWarehouses("", "prod.a")]
    [OnBothWarehouses("--favor-state", "prod.a")]
    [OnBothWarehouses("--favor-state -s a b", "main.a")]
    public async Task Reads_what_is_not_selected_where_the_earlier_run_has_it(string system, string arguments, string from)
    {
        using var shop = await ShopAsync(system);
        (await shop.CallAsync("build --target prod")).ExitCode.Should().Be(0);
        shop.Copy("target", "before");

        var (exitCode, output) = await shop.CallAsync($"run {(arguments.Contains("-s ", StringComparison.Ordinal) ? "" : "-s b ")}--defer --state before {arguments}".Trim());

        exitCode.Should().Be(0, output);
        shop["target/compiled/shop/models/b.sql"].Should().Contain($"from \"{shop.Database}\".\"{from.Split('.')[0]}\".\"a\"");
        (await shop.QueryAsync("select n from main.b")).Should().Equal("2");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Reads_what_this_target_has_unless_the_state_is_favoured(string system)
    {
        using var shop = await ShopAsync(system);
        (await shop.CallAsync("build --target prod")).ExitCode.Should().Be(0);
        shop.Copy("target", "before");
        (await shop.CallAsync("run -s a")).ExitCode.Should().Be(0);

        (await shop.CallAsync("compile -s b --defer --state before")).ExitCode.Should().Be(0);
        shop["target/compiled/shop/models/b.sql"].Should().Contain("\"main\".\"a\"");
        (await shop.CallAsync("compile -s b --defer --state before --favor-state")).ExitCode.Should().Be(0);
        shop["target/compiled/shop/models/b.sql"].Should().Contain("\"prod\".\"a\"");
        (await shop.CallAsync("parse")).ExitCode.Should().Be(0);
        shop.Copy("target", "now");
        (await shop.CallAsync("compile -s b --defer --state now --defer-state before --favor-state")).ExitCode.Should().Be(0);
        shop["target/compiled/shop/models/b.sql"].Should().Contain("\"prod\".\"a\"");
        (await shop.CallAsync("run --defer")).Output.Should().Contain("Deferral needs the artifacts of an earlier run.");
    }

    [Fact]
    public async Task Takes_a_selector_by_its_name()
    {
        using var shop = await ShopAsync("duckdb");
        shop.Write("selectors.yml", "selectors:\n  - name: nightly\n    definition: {method: fqn, value: b, parents: true}\n");
        (await shop.ListAsync("--selector nightly --resource-type model")).Should().Be("a b");
        (await shop.CallAsync("run --selector weekly")).Output.Should().Contain("there is no selector 'weekly'");
    }

    private static async Task<ToolFixture> ShopAsync(string system) => (await ToolFixture.OnAsync(system))
        .Write("models/a.sql", "{{ config(materialized='table') }}select {{ m() }} as n")
        .Write("models/b.sql", "select * from {{ ref('a') }}")
        .Write("models/c.sql", "{{ config(materialized='table') }} select * from {{ ref('b') }}")
        .Write("models/schema.yml", "models:\n  - name: b\n    columns:\n      - name: n\n        data_tests: [not_null]\n")
        .Write("macros/m.sql", "{% macro m() %}2{% endmacro %}");
}
