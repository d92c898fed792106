using System.Text.Json;

namespace DataPlatform.Dbt.Engine;

/// <summary>What projects say of their data and for whom it is: groups, exposures, semantic models, metrics, saved queries.</summary>
public sealed class DescriptionTests
{
    private const string Metrics = """
        groups:
          - name: finance
            owner: {email: finance@example.org}
        models:
          - name: orders
            config: {group: finance, access: private}
            columns: [{name: ordered_at, granularity: day}, {name: order_id, data_tests: [not_null]}]
            time_spine: {standard_granularity_column: ordered_at}
        semantic_models:
          - name: orders
            model: ref('orders')
            config: {group: finance}
            defaults: {agg_time_dimension: ordered_at}
            entities: [{name: order_id, type: primary}]
            dimensions:
              - name: ordered_at
                type: time
                type_params: {time_granularity: day}
              - {name: is_food, type: categorical}
            measures:
              - {name: order_total, agg: sum}
              - {name: order_count, agg: sum, expr: 1, create_metric: true}
        metrics:
          - name: food_total
            label: Food
            type: simple
            type_params: {measure: order_total}
            filter: "{{ Dimension('order_id__is_food') }} = true"
          - name: average
            label: Average
            type: ratio
            type_params: {numerator: food_total, denominator: {name: order_count, alias: n}}
        saved_queries:
          - name: daily
            query_params: {metrics: [average], group_by: ["TimeDimension('metric_time', 'day')"]}
            exports: [{name: daily, config: {export_as: table}}]
        exposures:
          - name: board
            type: dashboard
            owner: {name: me}
            depends_on: [ref('stg'), metric('average')]
        """;

    [Theory]
    [InlineData("enabled: false", true)]
    [InlineData("config: {enabled: false}", true)]
    [InlineData("group: finance", false)]
    [InlineData("config: {group: finance}", false)]
    public async Task Are_configured_beside_their_name_and_under_config(string given, bool isDisabled)
    {
        await using var project = new EngineFixture();
        project.Write("models/a.yml", $$$"""
            groups: [{name: finance, owner: {name: Ann}}]
            exposures: [{name: board, type: dashboard, owner: {name: me}, {{{given}}} }]
            """);

        await project.RunAsync();

        project.Lines.Should().NotContain(line => line.StartsWith("warn", StringComparison.Ordinal));
        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(project.Target, "manifest.json")));
        manifest.RootElement.GetProperty("disabled").EnumerateObject().Select(node => node.Name).Should().Equal(isDisabled ? ["exposure.shop.board"] : []);
        if (!isDisabled) Read(manifest.RootElement, "exposures.exposure.shop.board.group").Should().Be("\"finance\"");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Are_in_the_manifest_and_nothing_is_run_for_them(string system)
    {
        await using var project = (await ProjectAsync(system)).Write("models/named.sql", "select '{{ metric('average') }}' as name");

        var results = (await project.RunAsync()).Results.Select(result => $"{result.Node.UniqueId} {result.Status} {result.Message}");

        results.Where(line => !line.StartsWith("test.", StringComparison.Ordinal)).Should().BeEquivalentTo("model.shop.orders success CREATE VIEW", "model.shop.stg success CREATE VIEW", "model.shop.named success CREATE VIEW", "exposure.shop.board no-op NO-OP", "saved_query.shop.daily no-op NO-OP");
        (await project.QueryAsync("select name from named")).Should().Equal("average");
        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(project.Target, "manifest.json")));
        var root = manifest.RootElement;
        Parents(root, "model.shop.named").Should().Equal("metric.shop.average");
        Parents(root, "semantic_model.shop.orders").Should().Equal("model.shop.orders");
        Parents(root, "metric.shop.food_total").Should().Equal("semantic_model.shop.orders");
        Parents(root, "metric.shop.average").Should().Equal("metric.shop.food_total", "metric.shop.order_count");
        Parents(root, "saved_query.shop.daily").Should().Equal("metric.shop.average");
        Read(root, "metrics.metric.shop.food_total.filter").Should().Be("{\"where_filters\": [{\"where_sql_template\": \"{{ Dimension('order_id__is_food') }} = true\"}]}");
        Read(root, "metrics.metric.shop.average.type_params.denominator").Should().Be("{\"name\": \"order_count\", \"alias\": \"n\", \"filter\": null, \"offset_window\": null, \"offset_to_grain\": null}");
        Read(root, "semantic_models.semantic_model.shop.orders.node_relation.relation_name").Should().Be($"\"\\\"{project.Database}\\\".\\\"main\\\".\\\"orders\\\"\"");
        Read(root, "semantic_models.semantic_model.shop.orders.measures").Should().Contain("\"expr\": \"1\"");
        Read(root, "saved_queries.saved_query.shop.daily.query_params.group_by").Should().Be("[\"TimeDimension('metric_time', 'day')\"]");
        Read(root, "nodes.model.shop.orders.time_spine").Should().Be("{\"standard_granularity_column\": \"ordered_at\"}");
        Read(root, "groups.group.shop.finance.owner").Should().Be("{\"email\": \"finance@example.org\"}");
        Read(root, "group_map").Should().Contain("\"model.shop.orders\"").And.Contain("\"test.shop.not_null_orders_order_id.").And.NotContain("stg");
    }

    [Theory]
    [InlineData("metric:food_total+", "metric.shop.food_total metric.shop.average saved_query.shop.daily exposure.shop.board")]
    [InlineData("semantic_model:orders", "semantic_model.shop.orders")]
    [InlineData("+saved_query:daily,resource_type:model", "model.shop.orders")]
    [InlineData("group:finance", "model.shop.orders semantic_model.shop.orders")]
    [InlineData("access:private", "model.shop.orders")]
    public async Task Are_selected(string selection, string expected)
    {
        await using var project = await ProjectAsync();
        project.Options = project.Options with { Select = [selection], Exclude = ["resource_type:test"] };

        (await project.OpenAsync()).Select(DbtCommand.List).Select(node => node.UniqueId).Should().BeEquivalentTo(expected.Split(' '));
    }

    [Theory]
    [InlineData("{measure: order_total}", "{measure: nope}", "metric.shop.food_total needs the measure 'nope', which is not there.")]
    [InlineData("numerator: food_total", "numerator: nope", "metric.shop.average needs the metric 'nope', which is not there.")]
    [InlineData("type: ratio", "type: odd", "models/schema.yml:31: the type of a metric is simple, ratio, cumulative, derived or conversion, not 'odd'.")]
    [InlineData("{name: order_count, alias: n}", "{alias: n}", "models/schema.yml:29: 'name' is missing in {'alias': 'n'}.")]
    [InlineData("group: finance", "group: nope", "Invalid group 'nope', expected one of ['finance'].")]
    [InlineData("access: private", "access: secret", "The access of a model is private, protected or public, not 'secret' as in models/orders.sql.")]
    public async Task Names_that_are_not_there_stop(string right, string wrong, string expected)
    {
        await using var project = await ProjectAsync();
        project.Write("models/schema.yml", Metrics.Replace(right, wrong, StringComparison.Ordinal));
        project.Write("models/reader.sql", "{{ config(group='finance') }}select * from {{ ref('orders') }}");

        (await project.FailAsync()).Should().Contain(expected);
    }

    [Fact]
    public async Task A_private_model_is_for_its_group_and_its_tests()
    {
        await using var project = await ProjectAsync();
        project.Write("models/reader.sql", "select * from {{ ref('orders') }}").Write("tests/t.sql", "{{ config(group='finance') }}select * from {{ ref('orders') }} where 1 = 0");

        (await project.FailAsync()).Should().Contain("models/reader.sql:1: Node model.shop.reader attempted to reference node model.shop.orders, which is not allowed because the referenced node is private to the 'finance' group.");
        project.Write("models/reader.sql", "{{ config(group='finance') }}select * from {{ ref('orders') }}");
        await project.OpenAsync();
    }

    [Fact]
    public async Task Protected_models_of_a_package_that_restricts_access_are_its_own()
    {
        await using var project = new EngineFixture();
        project.Write("packages.yml", "packages: [{local: other}]").Write("other/dbt_project.yml", "name: other\nrestrict-access: true\n").Write("other/models/inner.sql", "select 1 as id")
            .Write("models/reader.sql", "select * from {{ ref('inner') }}");

        (await project.FailAsync()).Should().Contain("model.other.inner, which is not allowed because the referenced node is protected within the package 'other'");
        project.Write("other/models/schema.yml", "models: [{name: inner, access: public}]");
        await project.OpenAsync();
    }

    [Fact]
    public async Task Warns_of_keys_that_have_no_effect()
    {
        await using var project = await ProjectAsync();
        project.Write("models/more.yml", "models:\n  - name: reader\n    descripton: typo\n").Write("models/reader.sql", "select 1 as id");
        await project.OpenAsync();

        project.Lines.Should().Contain("warn: models/more.yml:3: 'descripton' is no key of a model, and has no effect.");
    }

    private static async Task<EngineFixture> ProjectAsync(string system = "duckdb") => (await EngineFixture.OnAsync(system)).Write("models/stg.sql", "select 1 as id").Write("models/orders.sql", "select 1 as order_id, true as is_food, current_date as ordered_at, 5 as order_total").Write("models/schema.yml", Metrics);

    private static IEnumerable<string?> Parents(JsonElement root, string id) => root.GetProperty("parent_map").GetProperty(id).EnumerateArray().Select(parent => parent.GetString());

    /// <summary>What is at a path whose keys may have dots in them.</summary>
    private static string Read(JsonElement element, string path)
    {
        while (path.Length > 0)
        {
            var key = element.EnumerateObject().Select(property => property.Name).Where(name => path == name || path.StartsWith(name + ".", StringComparison.Ordinal)).MaxBy(name => name.Length)!;
            element = element.GetProperty(key);
            path = path == key ? "" : path[(key.Length + 1)..];
        }

        return element.GetRawText();
    }
}
