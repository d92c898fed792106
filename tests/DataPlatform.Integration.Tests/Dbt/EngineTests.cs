using DataPlatform.Dbt;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Testing;
using DataPlatform.Transform;

namespace DataPlatform.Integration.Tests.Dbt;

/// <summary>One dbt project gives the same tables and test results on both warehouses.</summary>
public sealed class EngineTests
{
    private static readonly (string Path, string Content)[] Project =
    [
        ("dbt_project.yml", """
            name: shop
            on-run-end: "create table if not exists {{ target.schema }}.run_log as select '{{ results | length }}' as n"
            models: {shop: {marts: {+materialized: table, +schema: marts}}}
            """),
        ("seeds/raw.csv", "id,customer,amount,ordered,paid\n1,Ann,10.5,2024-01-31,true\n2,Ann,4.5,2024-02-29,false\n3,Bob,7,2024-03-01,\n"),
        ("models/stg.sql", "{{ config(materialized='ephemeral') }}select id, customer, amount, ordered from {{ ref('raw') }}"),
        ("models/orders.sql", "select * from {{ ref('stg') }}"),
        ("models/marts/customers.sql", """
            select customer, count(*) as orders, sum(amount) as total, {{ dbt.listagg('id', "','", 'order by id') | replace('(id,', '(cast(id as varchar),') }} as ids,
                {{ dbt.datediff('min(ordered)', 'max(ordered)', 'month') }} as months, cast({{ dbt.dateadd('day', 1, 'max(ordered)') }} as date) as next_day,
                {{ dbt.last_day('max(ordered)', 'month') }} as month_end
            from {{ ref('orders') }} group by customer
            """),
        ("models/marts/increments.sql", """
            {{ config(materialized='incremental', unique_key='id', incremental_strategy=var('strategy'), on_schema_change='append_new_columns') }}
            {% if is_incremental() %} select 2 as id, 'new' as v, 1 as more union all select 3, 'new', 1 {% else %} select 1 as id, 'old' as v union all select 2, 'old' {% endif %}
            """),
        ("models/schema.yml", """
            models:
              - name: orders
                columns:
                  - name: id
                    data_tests: [unique, not_null]
                  - name: customer
                    data_tests:
                      - accepted_values: {arguments: {values: [Ann]}, config: {severity: warn, store_failures: true}}
                      - relationships: {arguments: {to: ref('customers'), field: customer}}
            """),
        ("snapshots/snap.yml", """
            snapshots:
              - name: snap
                relation: ref('raw')
                config: {unique_key: id, strategy: check, check_cols: all, hard_deletes: new_record}
            """),
    ];

    [Theory]
    [InlineData("duckdb", "delete+insert")]
    [InlineData("postgresql", "delete+insert")]
    [InlineData("duckdb", "merge")]
    [InlineData("postgresql", "merge")]
    public async Task Builds_the_same_tables(string system, string strategy)
    {
        await using var opened = await OpenedWarehouse.OpenAsync(system);
        using var folder = new ScratchFolder();
        foreach (var (path, content) in Project)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.Combine(path))!);
            await File.WriteAllTextAsync(folder.Combine(path), content);
        }

        var cancellationToken = TestContext.Current.CancellationToken;
        var options = new DbtOptions { ProjectFolder = folder.Path, Schema = "shop", Threads = system == "duckdb" ? 1 : 3, Vars = new([new("strategy", strategy)]) };
        for (var round = 0; round < 2; round++)
        {
            if (round == 1) await File.WriteAllTextAsync(folder.Combine("seeds/raw.csv"), "id,customer,amount,ordered,paid\n1,Ann,10.5,2024-01-31,true\n2,Ann,5.5,2024-02-29,false\n");
            var engine = await DbtEngine.OpenAsync(opened.Warehouse, options, cancellationToken: cancellationToken);
            var results = (await engine.RunAsync(DbtCommand.Build, cancellationToken)).Results;
            var expected = round == 0 ? "warn" : "pass";
            results.Where(result => result.Status is not ("success" or "pass")).Select(result => $"{result.Node.Name} {result.Status} {(result.Status == "warn" ? "" : result.Message)}".Trim())
                .Should().Equal(round == 0 ? ["accepted_values_orders_customer__Ann warn"] : Array.Empty<string>(), expected);
        }

        await using var transaction = await opened.Warehouse.BeginAsync(cancellationToken);
        (await Rows("select customer, orders::varchar, total::varchar, ids, months::int::varchar, next_day::varchar, month_end::varchar from shop_marts.customers order by 1"))
            .Should().Equal($"Ann|2|{(system == "duckdb" ? "16.0" : "16")}|1,2|1|2024-03-01|2024-02-29");
        (await Rows("select id::varchar, v, more::varchar from shop_marts.increments order by id")).Should().Equal("1|old|", "2|new|1", "3|new|1");
        (await Rows("select id::varchar, customer, amount::numeric(9, 1)::varchar, dbt_is_deleted, (dbt_valid_to is null)::varchar from shop.snap order by id, dbt_valid_from, dbt_valid_to nulls last"))
            .Should().Equal("1|Ann|10.5|False|true", "2|Ann|4.5|False|false", "2|Ann|5.5|False|true", "3|Bob|7.0|False|false", "3|Bob|7.0|True|true");
        (await Rows("select column_name, lower(data_type) from information_schema.columns where table_name = 'raw' and table_schema = 'shop' order by ordinal_position"))
            .Should().Equal("id|integer", "customer|" + (system == "duckdb" ? "varchar" : "text"), "amount|" + (system == "duckdb" ? "double" : "double precision"), "ordered|date", "paid|boolean");

        async Task<IEnumerable<string>> Rows(string sql) => (await transaction.QueryAsync(sql, cancellationToken: cancellationToken)).Select(row => string.Join('|', row));
    }
}
