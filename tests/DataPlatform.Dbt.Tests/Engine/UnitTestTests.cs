namespace DataPlatform.Dbt.Engine;

/// <summary>Unit tests: a model's logic on rows that are given.</summary>
public sealed class UnitTestTests
{
    private const string Model = """
        select o.id, upper(c.name) as name, o.amount * {{ var('factor') }} as amount, '{{ env_var('ENVIRONMENT', 'none') }}' as env, '{{ shop.label() }}' as label
        from {{ ref('orders') }} o left join {{ source('raw', 'customers') }} c on c.id = o.customer_id
        """;

    [Theory]
    [OnBothWarehouses]
    public async Task Run_before_their_model_on_the_rows_that_they_give(string system)
    {
        await using var project = await EngineFixture.OnAsync(system, "name: shop\nvars: {factor: 1}\n");
        await project.ExecuteAsync("create schema raw");
        await project.ExecuteAsync("create table raw.customers as select 1 as id, cast('Ann' as varchar(3)) as name, date '2024-01-01' as since");
        project.Write("seeds/orders.csv", "id,customer_id,amount\n1,1,10\n2,2,20\n").Write("models/m.sql", Model).Write("macros/label.sql", "{% macro label() %}real{% endmacro %}")
            .Write("models/inc.sql", "{{ config(materialized='incremental') }}select id from {{ ref('orders') }}{% if is_incremental() %} where id > (select max(id) from {{ this }}){% endif %}")
            .Write("tests/fixtures/two.csv", "id,customer_id,amount\n1,1,\n2,2,20\n").Write("tests/fixtures/people.sql", "select 1 as id, 'a''b' as name")
            .Write("models/schema.yml", """
                sources: [{name: raw, tables: [{name: customers}]}]
                unit_tests:
                  - name: by_dict
                    model: m
                    overrides:
                      vars: {factor: 3}
                      env_vars: {ENVIRONMENT: test}
                      macros: {shop.label: fake}
                    given:
                      - input: ref('orders')
                        rows:
                          - {id: 1, customer_id: 7, amount: 2}
                          - {ID: 2}
                      - input: source('raw', 'customers')
                        rows: [{id: 7, name: Berta, since: 2024-02-29}]
                    expect:
                      rows:
                        - {id: 2, name: null, amount: null, env: test, label: fake}
                        - {id: 1, name: BERTA, amount: 6, env: test, label: fake}
                  - name: by_files
                    model: m
                    given:
                      - {input: ref('orders'), format: csv, fixture: two}
                      - {input: "source('raw', 'customers')", format: sql, fixture: people}
                    expect:
                      format: csv
                      rows: |
                        id,name,amount
                        1,A'B,
                        2,,20
                  - name: by_seed
                    model: m
                    given:
                      - input: ref('orders')
                      - {input: "source('raw', 'customers')", rows: []}
                    expect: {format: sql, rows: "select 1 as id, cast(null as varchar) as name, 10 as amount, 'none' as env, 'real' as label union all select 2, null, 20, 'none', 'real'"}
                  - name: increments
                    model: inc
                    overrides: {macros: {is_incremental: true}}
                    given:
                      - {input: ref('orders'), rows: [{id: 1}, {id: 2}]}
                      - {input: this, rows: [{id: 1}]}
                    expect: {rows: [{id: 2}]}
                  - name: wrong
                    model: inc
                    given: [{input: ref('orders'), rows: [{id: 1}, {id: 2}]}]
                    expect: {rows: [{id: 2}, {id: 4}]}
                """);
        project.Options = project.Options with { Select = ["orders", "inc", "m"], Exclude = ["unit_test:increments", "unit_test:wrong"] };
        await project.BuildAsync();
        project.Options = project.Options with { Exclude = [] };

        var results = (await project.RunAsync()).Results;

        var outcomes = results.ToDictionary(result => result.Node.Name, result => $"{result.Status} {result.Message}");
        outcomes.Where(outcome => outcome.Key is "by_dict" or "by_files" or "by_seed" or "increments").Select(outcome => outcome.Value).Should().Equal("pass ", "pass ", "pass ", "pass ");
        outcomes["wrong"].Should().Be("fail \n\nactual differs from expected:\n\n@@,id\n→ ,4→1\n\n");
        outcomes["inc"].Should().Be("skipped ");
        outcomes["m"].Should().StartWith("success");
        var names = results.Select(result => result.Node.Name).ToList();
        names.IndexOf("by_dict").Should().BeGreaterThan(names.IndexOf("orders")).And.BeLessThan(names.IndexOf("m"));
        results.Single(result => result.Node.Name == "wrong").Failures.Should().Be(1);
        (await project.RunAsync(DbtCommand.Test)).Results.Count(result => result.Node.Name == "by_dict").Should().Be(1);
        (await project.RunAsync(DbtCommand.Run)).Results.Select(result => result.Node.Name).Should().Equal("inc", "m");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Test_the_versions_of_a_model(string system)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Write("models/a.sql", "select 1 as id").Write("models/dim_v1.sql", "select id, 1 as v from {{ ref('a') }}").Write("models/dim_v2.sql", "select id, 2 as v from {{ ref('a') }}").Write("models/dim_v3.sql", "select id, 3 as v from {{ ref('a') }}")
            .Write("models/schema.yml", """
                models: [{name: dim, latest_version: 2, versions: [{v: 1}, {v: 2}, {v: 3}]}]
                unit_tests:
                  - {name: all, model: dim, given: [{input: ref('a'), rows: [{id: 7}]}], expect: {rows: [{id: 7}]}}
                  - {name: some, model: dim, versions: {include: [1, 3]}, given: [{input: ref('a'), rows: []}], expect: {rows: []}}
                  - {name: most, model: dim, versions: {exclude: [1]}, given: [{input: ref('a'), rows: [{id: 7}]}], expect: {rows: [{v: 2}]}}
                """);

        var results = (await project.RunAsync()).Results.Where(result => result.Node.UnitTest is not null).ToDictionary(result => result.Node.UniqueId, result => $"{result.Status} {result.Node.DependsOn.Single()}");

        results.Should().BeEquivalentTo(new Dictionary<string, string>
        {
            ["unit_test.shop.dim.all_v1"] = "pass model.shop.dim.v1",
            ["unit_test.shop.dim.all_v2"] = "pass model.shop.dim.v2",
            ["unit_test.shop.dim.all_v3"] = "pass model.shop.dim.v3",
            ["unit_test.shop.dim.some_v1"] = "pass model.shop.dim.v1",
            ["unit_test.shop.dim.some_v3"] = "pass model.shop.dim.v3",
            ["unit_test.shop.dim.most_v2"] = "pass model.shop.dim.v2",
            ["unit_test.shop.dim.most_v3"] = "fail model.shop.dim.v3",
        });
        project.Write("models/more.yml", "unit_tests: [{name: u, model: dim, versions: {include: [9]}, given: [], expect: {rows: []}}]");
        (await project.FailAsync()).Should().Be("models/more.yml:1: Unit test 'u' referenced a version of 'dim' which was not found. | Name versions that there are.");
        project.Write("models/more.yml", "unit_tests: [{name: u, model: a, versions: {include: [9]}, given: [], expect: {rows: []}}]");
        (await project.FailAsync()).Should().StartWith("models/more.yml:1: Unit test 'u' should not have a versions include or exclude when referencing non-versioned model 'a'.");
        project.Write("models/more.yml", "unit_tests: [{name: u, model: dim, versions: [1], given: [], expect: {rows: []}}]");
        (await project.FailAsync()).Should().StartWith("models/more.yml:1: a map was expected here");
    }

    [Theory]
    [InlineData("model: nope", "given: []", "expect: {rows: []}", "Unable to find model 'shop.nope' for unit test 'u'.")]
    [InlineData("model: m", "given: [{input: ref('nope'), rows: []}]", "expect: {rows: []}", "depends on a node named 'nope' which was not found")]
    [InlineData("model: m", "given: [{input: m, rows: []}]", "expect: {rows: []}", "The input of a unit test is ref(...), source(...) or this, not 'm'.")]
    [InlineData("model: m", "given: [{input: ref('m')}]", "expect: {rows: []}", "models/schema.yml:4: 'rows' is missing here, and ref('m') is no seed.")]
    [InlineData("model: m", "given: [{input: ref('m'), format: csv, fixture: f}]", "expect: {rows: []}", "models/schema.yml:4: there is no fixture 'f.csv'. | Put it into the folder fixtures of test-paths.")]
    [InlineData("model: m", "given: []", "expect: {rows: [1]}", "models/schema.yml:5: a row of format dict is a map of columns and values.")]
    [InlineData("model: m", "given: []", "expect: {format: xml}", "models/schema.yml:5: the format of rows is dict, csv or sql, not 'xml'.")]
    public async Task Stop_when_they_are_wrong(string model, string given, string expect, string expected)
    {
        await using var project = new EngineFixture();
        project.Write("models/m.sql", "select 1 as id").Write("models/schema.yml", $"unit_tests:\n  - name: u\n    {model}\n    {given}\n    {expect}\n");

        (await project.FailAsync()).Should().Contain(expected);
    }

    [Theory]
    [OnBothWarehouses("[]", "[{id: 1}]", "The unit test gives no rows for ref('a'), which the model reads.")]
    [OnBothWarehouses("[{input: ref('a'), rows: [{nope: 1}]}]", "[{id: 1}]", "Invalid column name: 'nope' in unit test fixture for 'a'. Accepted columns for 'a' are: 'id'")]
    [OnBothWarehouses("[{input: ref('a'), rows: [{id: 1}]}]", "[{nope: 1}]", "Invalid column name: 'nope' in unit test fixture for expected output. Accepted columns for expected output are: 'id'")]
    [InlineData("duckdb", "[{input: ref('a'), rows: [{id: x}]}]", "[{id: 1}]", "Could not convert string 'x' to INT32")]
    [InlineData("postgres", "[{input: ref('a'), rows: [{id: x}]}]", "[{id: 1}]", "invalid input syntax for type integer: \"x\"")]
    public async Task Fail_with_the_reason_when_their_rows_do_not_fit(string system, string given, string rows, string expected)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Write("models/a.sql", "select 1 as id").Write("models/m.sql", "select id from {{ ref('a') }}")
            .Write("models/schema.yml", $"unit_tests:\n  - name: u\n    model: m\n    given: {given}\n    expect: {{rows: {rows}}}\n");

        var results = (await project.RunAsync()).Results.ToDictionary(result => result.Node.Name, result => $"{result.Status} {result.Message}");
        results["u"].Should().StartWith("error ").And.Contain(expected);
        results["m"].Should().Be("skipped ");
    }
}
