using DataPlatform.Dbt.Run;
using FluentAssertions.Execution;

namespace DataPlatform.Dbt.Engine;

/// <summary>A project with all that is supported gives on both warehouses the tables, the results of tests and the compiled SQL that dbt's documentation promises.</summary>
public sealed class WholeProjectTests
{
    private static readonly (string Path, string Content)[] Files =
    [
        ("dbt_project.yml", """
            name: shop
            vars: {smallest: 5}
            on-run-start: "create table if not exists {{ target.schema }}.log (line varchar(100))"
            on-run-end: "insert into {{ target.schema }}.log values ('{{ results | length }} results, {{ results | selectattr('status', 'equalto', 'warn') | list | length }} warned')"
            models:
              shop:
                staging: {+materialized: view}
                marts: {+materialized: table, +schema: marts, +tags: [mart], +persist_docs: {relation: true}}
            seeds: {shop: {raw_customers: {+column_types: {zip: varchar(5)}}}}
            data_tests: {+schema: found}
            """),
        ("packages.yml", "packages: [{local: packages/money}]"),
        ("packages/money/dbt_project.yml", "name: money\nvars: {money: {currency: EUR}}\n"),
        ("packages/money/macros/cents.sql", """
            {% macro cents(column) %}{{ return(adapter.dispatch('cents', 'money')(column)) }}{% endmacro %}
            {% macro default__cents(column) %}cast({{ column }} * 100 as bigint){% endmacro %}
            {% macro duckdb__cents(column) %}({{ column }} * 100)::bigint{% endmacro %}
            """),
        ("packages/money/models/currencies.sql", "select '{{ var('currency') }}' as currency"),
        ("macros/tests.sql", "{% test at_most(model, column_name, limit) %}select {{ column_name }} from {{ model }} where {{ column_name }} > {{ limit }}{% endtest %}"),
        ("seeds/raw_customers.csv", "id,name,zip\n1,Ann,01067\n2,Bob,80331\n3,Cy,\n"),
        ("seeds/raw_orders.csv", "id,customer,status,ordered\n1,1,placed,2024-01-31\n2,1,shipped,2024-02-29\n3,2,lost,2024-03-01\n"),
        ("models/staging/sources.yml", "sources: [{name: bank, schema: bank, tables: [{name: payments, columns: [{name: id, data_tests: [unique]}]}]}]"),
        ("models/staging/stg_payments.sql", "{{ config(materialized='ephemeral') }}select order_id, sum(amount) as amount from {{ source('bank', 'payments') }} where amount >= {{ var('smallest') }} group by order_id"),
        ("models/staging/stg_orders.sql", """
            select o.id as order_id, o.customer as customer_id, o.status, o.ordered, cast(coalesce(p.amount, 0) as decimal(9, 2)) as amount
            from {{ ref('raw_orders') }} o left join {{ ref('stg_payments') }} p on p.order_id = o.id
            """),
        ("models/marts/orders.sql", """
            {{ config(indexes=[{'columns': ['customer_id']}], post_hook="insert into {{ target.schema }}.log select 'orders ' || count(*) from {{ this }}") }}
            {%- set statuses = run_query('select distinct status from ' ~ ref('stg_orders') ~ ' order by 1').columns[0].values() if execute else [] %}
            select order_id, customer_id, {{ money.cents('amount') }} as cents
            {%- for status in statuses %}, cast(status = '{{ status }}' as integer) as is_{{ status }}{% endfor %}
            from {{ ref('stg_orders') }}
            """),
        ("models/marts/customers_v1.sql", "select id as customer_id, name from {{ ref('raw_customers') }}"),
        ("models/marts/customers_v2.sql", """
            select c.id as customer_id, c.name, c.zip, count(o.order_id) as orders, {{ dbt.dateadd('month', 1, 'max(o.ordered)') }} as due
            from {{ ref('raw_customers') }} c left join {{ ref('stg_orders') }} o on o.customer_id = c.id group by 1, 2, 3
            """),
        ("models/marts/log_of_orders.sql", """
            {{ config(materialized='incremental', unique_key='order_id', incremental_strategy='merge', merge_exclude_columns=['first_status'], on_schema_change='append_new_columns') }}
            select order_id, status, status as first_status{% if is_incremental() %}, ordered as seen{% endif %}
            from {{ ref('stg_orders') }}{% if is_incremental() %} where order_id >= (select max(order_id) - 1 from {{ this }}){% endif %}
            """),
        ("models/marts/schema.yml", """
            groups: [{name: finance, owner: {name: Ann}}]
            models:
              - name: orders
                description: One row an order.
                config: {group: finance, contract: {enforced: true}}
                access: private
                constraints: [{type: check, expression: cents >= 0}]
                columns:
                  - {name: order_id, data_type: integer, constraints: [{type: not_null}], data_tests: [unique]}
                  - {name: customer_id, data_type: integer, data_tests: [{relationships: {arguments: {to: "ref('customers', v=1)", field: customer_id}}}]}
                  - {name: cents, data_type: bigint, data_tests: [{at_most: {arguments: {limit: 1000}, config: {error_if: '>1', warn_if: '>0', store_failures: true}}}]}
                  - {name: is_lost, data_type: integer}
                  - {name: is_placed, data_type: integer}
                  - {name: is_shipped, data_type: integer}
              - name: customers
                latest_version: 2
                columns: [{name: customer_id, data_tests: [not_null]}]
                versions: [{v: 1, columns: [{include: all}]}, {v: 2}]
              - name: log_of_orders
                columns: [{name: status, data_tests: [{accepted_values: {arguments: {values: [placed, shipped]}, config: {severity: warn, where: order_id > 0}}}]}]
            unit_tests:
              - name: counts_orders
                model: customers
                versions: {include: [2]}
                given:
                  - {input: ref('raw_customers'), rows: [{id: 7, name: Dee}]}
                  - {input: ref('stg_orders'), rows: [{order_id: 1, customer_id: 7}, {order_id: 2, customer_id: 7}]}
                expect: {rows: [{customer_id: 7, orders: 2}]}
            exposures: [{name: board, type: dashboard, owner: {name: Ann}, depends_on: [ref('customers')]}]
            """),
        ("snapshots/history.yml", "snapshots: [{name: history, relation: ref('stg_orders'), config: {schema: snaps, unique_key: order_id, strategy: check, check_cols: [status, amount], hard_deletes: new_record}}]"),
        ("tests/totals_agree.sql", "select 1 as wrong where (select sum(cents) from {{ ref('log_of_cents') }}) <> (select sum(amount) * 100 from {{ ref('stg_orders') }})"),
        ("models/marts/log_of_cents.sql", "{{ config(group='finance') }}select cents from {{ ref('orders') }}"),
        ("analyses/look.sql", "select count(*) from {{ ref('customers') }}"),
    ];

    private static readonly Dictionary<string, string> Statuses = new()
    {
        ["raw_customers"] = "success",
        ["raw_orders"] = "success",
        ["stg_orders"] = "success",
        ["orders"] = "success",
        ["customers.v1"] = "success",
        ["customers.v2"] = "success",
        ["log_of_orders"] = "success",
        ["log_of_cents"] = "success",
        ["currencies"] = "success",
        ["history"] = "success",
        ["source_unique_bank_payments_id"] = "pass",
        ["unique_orders_order_id"] = "pass",
        ["relationships_orders_customer_id__customer_id__ref_customers_v_1_"] = "pass",
        ["at_most_orders_cents__1000"] = "warn Got 1 result, configured to warn if >0",
        ["not_null_customers_v1_customer_id"] = "pass",
        ["not_null_customers_v2_customer_id"] = "pass",
        ["accepted_values_log_of_orders_status__placed__shipped"] = "warn Got 1 result, configured to warn if != 0",
        ["totals_agree"] = "pass",
        ["counts_orders.v2"] = "pass",
        ["board"] = "no-op",
    };

    [Theory]
    [OnBothWarehouses]
    public async Task Gives_what_dbt_promises(string system)
    {
        await using var project = await ProjectAsync(system);

        Outcomes(await project.RunAsync()).Should().BeEquivalentTo(Statuses);

        using (new AssertionScope())
        {
            (await project.QueryAsync("select * from main.stg_orders order by 1")).Should().Equal("1|1|placed|2024-01-31|12.50", "2|1|shipped|2024-02-29|0.00", "3|2|lost|2024-03-01|5.00");
            (await project.QueryAsync("select * from main_marts.orders order by 1")).Should().Equal("1|1|1250|0|1|0", "2|1|0|0|0|1", "3|2|500|1|0|0");
            (await project.QueryAsync("select * from main_marts.customers_v1 order by 1")).Should().Equal("1|Ann", "2|Bob", "3|Cy");
            (await project.QueryAsync("select * from main_marts.customers_v2 order by 1")).Should().Equal("1|Ann|01067|2|2024-03-29", "2|Bob|80331|1|2024-04-01", "3|Cy|null|0|null");
            (await project.QueryAsync("select * from main_marts.log_of_orders order by 1")).Should().Equal("1|placed|placed", "2|shipped|shipped", "3|lost|lost");
            (await project.QueryAsync("select order_id, status, amount, dbt_valid_to, dbt_is_deleted from main_snaps.history order by 1")).Should().Equal("1|placed|12.50|null|False", "2|shipped|0.00|null|False", "3|lost|5.00|null|False");
            (await project.QueryAsync("select currency from main.currencies")).Should().Equal("EUR");
            (await project.QueryAsync("select cents from main_found.at_most_orders_cents__1000")).Should().Equal("1250");
            (await project.QueryAsync("select line from main.log")).Should().Equal("orders 3", "21 results, 2 warned");
        }

        project.Write("seeds/raw_orders.csv", "id,customer,status,ordered\n1,1,shipped,2024-01-31\n2,1,placed,2024-02-29\n4,3,lost,2024-04-30\n");
        await project.ExecuteAsync("insert into bank.payments values (9, 2, 2.50), (10, 2, 7.25)");

        Outcomes(await project.RunAsync()).Should().BeEquivalentTo(Statuses);

        using (new AssertionScope())
        {
            (await project.QueryAsync("select * from main.stg_orders order by 1")).Should().Equal("1|1|shipped|2024-01-31|12.50", "2|1|placed|2024-02-29|7.25", "4|3|lost|2024-04-30|0.00");
            (await project.QueryAsync("select * from main_marts.orders order by 1")).Should().Equal("1|1|1250|0|0|1", "2|1|725|0|1|0", "4|3|0|1|0|0");
            (await project.QueryAsync("select * from main_marts.customers_v2 order by 1")).Should().Equal("1|Ann|01067|2|2024-03-29", "2|Bob|80331|0|null", "3|Cy|null|1|2024-05-30");
            (await project.QueryAsync("select * from main_marts.log_of_orders order by 1")).Should().Equal("1|placed|placed|null", "2|placed|shipped|2024-02-29", "3|lost|lost|null", "4|lost|lost|2024-04-30");
            (await project.QueryAsync("select order_id, status, amount, dbt_valid_to is null, dbt_is_deleted from main_snaps.history order by 1, dbt_valid_from, dbt_valid_to nulls last")).Should().Equal(
                "1|placed|12.50|False|False", "1|shipped|12.50|True|False", "2|shipped|0.00|False|False", "2|placed|7.25|True|False", "3|lost|5.00|False|False", "3|lost|5.00|True|True", "4|lost|0.00|True|False");
            (await project.QueryAsync("select line from main.log")).Should().Equal("orders 3", "21 results, 2 warned", "orders 3", "21 results, 2 warned");
        }
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Compiles_to_what_dbt_promises(string system)
    {
        await using var project = await ProjectAsync(system);
        await project.RunAsync();
        var (cents, due) = system == "duckdb" ? ("(amount * 100)::bigint", "date_add(max(o.ordered), interval (1) month)") : ("cast(amount * 100 as bigint)", "(max(o.ordered) + ((interval '1 month') * (1)))");

        var compiled = (await project.RunAsync(DbtCommand.Compile)).Results.Where(result => result.CompiledCode is not null).ToDictionary(Name, result => EngineFixture.Words(result.CompiledCode!.Replace($"\"{project.Database}\"", "\"db\"", StringComparison.Ordinal)));

        compiled.Should().BeEquivalentTo(new Dictionary<string, string>
        {
            ["stg_orders"] = EngineFixture.Words("""
                with __dbt__cte__stg_payments as (
                select order_id, sum(amount) as amount from "db"."bank"."payments" where amount >= 5 group by order_id
                ) select o.id as order_id, o.customer as customer_id, o.status, o.ordered, cast(coalesce(p.amount, 0) as decimal(9, 2)) as amount
                from "db"."main"."raw_orders" o left join __dbt__cte__stg_payments p on p.order_id = o.id
                """),
            ["orders"] = EngineFixture.Words($"""
                select order_id, customer_id, {cents} as cents,
                cast(status = 'lost' as integer) as is_lost, cast(status = 'placed' as integer) as is_placed, cast(status = 'shipped' as integer) as is_shipped from "db"."main"."stg_orders"
                """),
            ["customers.v1"] = "select id as customer_id, name from \"db\".\"main\".\"raw_customers\"",
            ["customers.v2"] = EngineFixture.Words($"""
                select c.id as customer_id, c.name, c.zip, count(o.order_id) as orders, {due} as due
                from "db"."main"."raw_customers" c left join "db"."main"."stg_orders" o on o.customer_id = c.id group by 1, 2, 3
                """),
            ["log_of_orders"] = EngineFixture.Words("""
                select order_id, status, status as first_status, ordered as seen from "db"."main"."stg_orders"
                where order_id >= (select max(order_id) - 1 from "db"."main_marts"."log_of_orders")
                """),
            ["log_of_cents"] = "select cents from \"db\".\"main_marts\".\"orders\"",
            ["currencies"] = "select 'EUR' as currency",
            ["history"] = "select * from \"db\".\"main\".\"stg_orders\"",
            ["look"] = "select count(*) from \"db\".\"main_marts\".\"customers_v2\"",
            ["totals_agree"] = "select 1 as wrong where (select sum(cents) from \"db\".\"main_marts\".\"log_of_cents\") <> (select sum(amount) * 100 from \"db\".\"main\".\"stg_orders\")",
            ["unique_orders_order_id"] = "select order_id as unique_field, count(*) as n_records from \"db\".\"main_marts\".\"orders\" where order_id is not null group by order_id having count(*) > 1",
            ["source_unique_bank_payments_id"] = "select id as unique_field, count(*) as n_records from \"db\".\"bank\".\"payments\" where id is not null group by id having count(*) > 1",
            ["not_null_customers_v1_customer_id"] = "select customer_id from \"db\".\"main_marts\".\"customers_v1\" where customer_id is null",
            ["not_null_customers_v2_customer_id"] = "select customer_id from \"db\".\"main_marts\".\"customers_v2\" where customer_id is null",
            ["at_most_orders_cents__1000"] = "select cents from \"db\".\"main_marts\".\"orders\" where cents > 1000",
            ["accepted_values_log_of_orders_status__placed__shipped"] = EngineFixture.Words("""
                with all_values as (
                    select status as value_field, count(*) as n_records
                    from (select * from "db"."main_marts"."log_of_orders" where order_id > 0) dbt_subquery
                    group by status
                )
                select * from all_values where value_field not in ( 'placed','shipped' )
                """),
            ["relationships_orders_customer_id__customer_id__ref_customers_v_1_"] = EngineFixture.Words("""
                with child as (
                    select customer_id as from_field from "db"."main_marts"."orders" where customer_id is not null
                ),
                parent as (
                    select customer_id as to_field from "db"."main_marts"."customers_v1"
                )
                select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null
                """),
        });
    }

    private static async Task<EngineFixture> ProjectAsync(string system)
    {
        var project = await EngineFixture.OnAsync(system);
        project.Options = project.Options with { Threads = 4 };
        foreach (var (path, content) in Files) project.Write(path, content);
        await project.ExecuteAsync("create schema bank");
        await project.ExecuteAsync("create table bank.payments as select 1 as id, 1 as order_id, cast(12.50 as decimal(9, 2)) as amount union all select 2, 2, 4.99 union all select 3, 3, 5");
        return project;
    }

    private static Dictionary<string, string> Outcomes(DbtRunResult run) => run.Results.Where(result => !result.Node.UniqueId.StartsWith("operation.", StringComparison.Ordinal))
        .ToDictionary(Name, result => result.Status is "success" or "pass" or "no-op" ? result.Status : $"{result.Status} {result.Message}");

    private static string Name(NodeResult result) => result.Node.Version is { } version ? $"{result.Node.Name}.v{version}" : result.Node.Name;
}
