using System.Text.Json;

namespace DataPlatform.Dbt.Engine;

/// <summary>What running a project does to the database.</summary>
public sealed class RunTests
{
    [Theory]
    [InlineData("duckdb", "id|INTEGER", "user_id|INTEGER", "order_date|DATE", "amount|DOUBLE", "status|VARCHAR")]
    [InlineData("postgres", "id|integer", "user_id|integer", "order_date|date", "amount|double precision", "status|text")]
    public async Task Builds_a_shop(string system, params string[] columns)
    {
        await using var shop = await ShopAsync(system);

        await shop.BuildAsync();

        (await shop.QueryAsync("select customer_id, first_name, number_of_orders, total from main.customers order by 1")).Should().Equal("1|Ann|2|30", "2|Bob|1|5", "3|Cy|null|null");
        (await shop.QueryAsync("select table_name, table_type from information_schema.tables where table_schema = 'main' order by 1"))
            .Should().Equal("customers|BASE TABLE", "raw_customers|BASE TABLE", "raw_orders|BASE TABLE", "stg_customers|VIEW", "stg_orders|VIEW");
        (await shop.QueryAsync("select column_name, data_type from information_schema.columns where table_name = 'raw_orders' order by ordinal_position"))
            .Should().Equal(columns);
        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(shop.Target, "manifest.json")));
        manifest.RootElement.GetProperty("metadata").GetProperty("dbt_schema_version").GetString().Should().Be("https://schemas.getdbt.com/dbt/manifest/v12.json");
        manifest.RootElement.GetProperty("parent_map").GetProperty("model.shop.customers").EnumerateArray().Select(id => id.GetString()).Should().Equal("model.shop.stg_customers", "model.shop.stg_orders");
        manifest.RootElement.GetProperty("nodes").GetProperty("model.shop.customers").GetProperty("compiled_code").GetString().Should().Contain($"from \"{shop.Database}\".\"main\".\"stg_customers\"");
        manifest.RootElement.GetProperty("nodes").GetProperty("model.shop.customers").GetProperty("columns").GetProperty("customer_id").GetProperty("description").GetString().Should().Be("The key.");
        using var results = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(shop.Target, "run_results.json")));
        results.RootElement.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("status").GetString()).Should().OnlyContain(status => status == "success" || status == "pass" || status == "no-op");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_failed_test_skips_what_comes_after_in_a_build(string system)
    {
        await using var shop = await ShopAsync(system);
        shop.Write("seeds/raw_orders.csv", "id,user_id,order_date,amount,status\n1,1,2020-01-01,10.0,placed\n1,9,2020-01-02,20.5,lost\n");

        var results = (await shop.RunAsync()).Results.ToDictionary(result => result.Node.Name, result => $"{result.Status} {result.Message}".Trim());

        results["unique_stg_orders_order_id"].Should().Be("fail Got 1 result, configured to fail if != 0");
        results["accepted_values_stg_orders_status__placed__shipped"].Should().Be("warn Got 1 result, configured to warn if != 0");
        results["relationships_stg_orders_customer_id__customer_id__ref_stg_customers_"].Should().StartWith("fail");
        results["customers"].Should().Be("skipped");
        results["unique_customers_customer_id"].Should().Be("skipped");
    }

    [Theory]
    [OnBothWarehouses("append", "1|a,1|b,2|b,3|b")]
    [OnBothWarehouses("delete+insert", "1|b,2|b,3|b")]
    [OnBothWarehouses("merge", "1|b,2|b,3|b")]
    public async Task Builds_increments(string system, string strategy, string expected)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/inc.sql", $$$"""
            {{ config(materialized='incremental', incremental_strategy='{{{strategy}}}', unique_key='id') }}
            {% if is_incremental() %}
            select * from (values (1, 'b'), (2, 'b'), (3, 'b')) t(id, v) where id <= (select max(id) + 2 from {{ this }})
            {% else %}
            select 1 as id, 'a' as v
            {% endif %}
            """);
        await project.BuildAsync();
        await project.BuildAsync();
        string.Join(',', await project.QueryAsync("select id, v from main.inc order by 1, 2")).Should().Be(expected);

        project.Options = project.Options with { FullRefresh = true };
        await project.BuildAsync();
        (await project.QueryAsync("select id, v from main.inc")).Should().Equal("1|a");
    }

    [Theory]
    [OnBothWarehouses("merge", "merge_update_columns=['v']", "1|new|a,2|new|b")]
    [OnBothWarehouses("merge", "merge_exclude_columns=['w']", "1|new|a,2|new|b")]
    [OnBothWarehouses("merge", "incremental_predicates=['DBT_INTERNAL_DEST.id > 1']", "1|new|b,1|old|a,2|new|b")]
    [OnBothWarehouses("delete+insert", "incremental_predicates=['DBT_INTERNAL_DEST.id > 1']", "1|new|b,1|old|a,2|new|b")]
    [OnBothWarehouses("delete+insert", "full_refresh=true", "1|old|a")]
    public async Task Changes_what_a_strategy_is_told_to(string system, string strategy, string config, string expected)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/inc.sql", $$$"""
            {{ config(materialized='incremental', incremental_strategy='{{{strategy}}}', unique_key=['id'], {{{config}}}) }}
            {% if is_incremental() %} select 1 as id, 'new' as v, 'b' as w union all select 2, 'new', 'b' {% else %} select 1 as id, 'old' as v, 'a' as w {% endif %}
            """);
        await project.BuildAsync();
        await project.BuildAsync();

        string.Join(',', await project.QueryAsync("select id, v, w from main.inc order by 1, 2")).Should().Be(expected);
    }

    [Theory]
    [OnBothWarehouses("ignore", "id", "1", "2")]
    [OnBothWarehouses("append_new_columns", "id,old,new", "1|7|null", "2|null|x")]
    [OnBothWarehouses("sync_all_columns", "id,new", "1|null", "2|x")]
    public async Task Changes_the_columns_of_increments(string system, string mode, string columns, string first, string second)
    {
        var old = mode == "ignore" ? "" : ", 7 as old";
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/inc.sql", $$$"""
            {{ config(materialized='incremental', on_schema_change='{{{mode}}}') }}
            {% if is_incremental() %} select 2 as id, 'x' as new {% else %} select 1 as id{{{old}}} {% endif %}
            """);
        await project.BuildAsync();
        await project.BuildAsync();

        string.Join(',', await project.QueryAsync("select column_name from information_schema.columns where table_name = 'inc' order by ordinal_position")).Should().Be(columns);
        (await project.QueryAsync("select * from main.inc order by id")).Should().Equal(first, second);
    }

    [Theory]
    [InlineData("duckdb", "more INTEGER")]
    [InlineData("postgres", "more integer")]
    public async Task Stops_when_columns_change_and_that_is_to_fail(string system, string expected)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/inc.sql", """
            {{ config(materialized='incremental', on_schema_change='fail') }}
            select 1 as id {% if is_incremental() %}, 2 as more {% endif %}
            """);
        await project.BuildAsync();

        var result = (await project.RunAsync()).Results.Single();

        result.Status.Should().Be("error");
        result.Message.Should().Contain("out of sync").And.Contain($"Source columns not in target: {expected}.");
        (await project.QueryAsync("select * from main.inc")).Should().Equal("1");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Puts_ephemeral_models_into_those_that_read_them(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("models/base.sql", "{{ config(materialized='ephemeral') }}select 1 as id")
            .Write("models/eph.sql", "{{ config(materialized='ephemeral') }}select id + 1 as id from {{ ref('base') }}");

        (await project.CompileAsync("m", "-- with\nWITH x as (select * from {{ ref('eph') }}) select * from x")).Should().Be(
            "-- with WITH __dbt__cte__base as ( select 1 as id ), __dbt__cte__eph as ( select id + 1 as id from __dbt__cte__base ), x as (select * from __dbt__cte__eph) select * from x");
        await project.BuildAsync();
        (await project.QueryAsync("select id from main.m")).Should().Equal("2");
    }

    [Theory]
    [OnBothWarehouses("strategy='timestamp', updated_at='changed'")]
    [OnBothWarehouses("strategy='check', check_cols=['v']")]
    [OnBothWarehouses("strategy='check', check_cols='all'")]
    public async Task Keeps_versions_of_changed_rows(string system, string strategy)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("snapshots/snap.sql", $$$"""
            {% snapshot snap %}
            {{ config(target_schema='snaps', unique_key='id', {{{strategy}}}) }}
            select * from main.src
            {% endsnapshot %}
            """);
        await project.ExecuteAsync("create table main.src as select 1 as id, 'a' as v, timestamp '2020-01-01' as changed union all select 2, 'b', timestamp '2020-01-01'");
        await project.BuildAsync();
        await project.ExecuteAsync("update main.src set v = 'a2', changed = timestamp '2020-02-01' where id = 1");
        await project.ExecuteAsync("insert into main.src values (3, 'c', timestamp '2020-02-01')");
        await project.BuildAsync();
        await project.BuildAsync();

        (await project.QueryAsync("select id, v, dbt_valid_to is null from snaps.snap order by id, dbt_valid_from")).Should().Equal("1|a|False", "1|a2|True", "2|b|True", "3|c|True");
        (await project.QueryAsync("select count(distinct dbt_scd_id), count(*) from snaps.snap")).Should().Equal("4|4");
        (await project.QueryAsync("select count(*) from snaps.snap o join snaps.snap n on n.id = o.id and n.dbt_valid_from = o.dbt_valid_to")).Should().Equal("1");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Names_the_columns_of_versions_and_the_end_of_those_that_hold(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("snapshots/snap.yml", """
            snapshots:
              - name: snap
                relation: source('raw', 'src')
                config:
                  unique_key: [id, part]
                  strategy: timestamp
                  updated_at: changed
                  hard_deletes: invalidate
                  dbt_valid_to_current: "timestamp '9999-12-31'"
                  snapshot_meta_column_names: {dbt_valid_from: valid_from, dbt_valid_to: valid_to, dbt_scd_id: scd_id, dbt_updated_at: updated}
            """).Write("models/s.yml", "sources: [{name: raw, schema: main, tables: [{name: src}]}]");
        await project.ExecuteAsync("create table main.src as select 1 as id, 'x' as part, timestamp '2020-01-01' as changed union all select 1, 'y', timestamp '2020-01-01' union all select 2, 'x', timestamp '2020-01-01'");
        await project.BuildAsync();
        (await project.QueryAsync("select valid_to from main.snap")).Should().Equal("9999-12-31", "9999-12-31", "9999-12-31");
        await project.ExecuteAsync("update main.src set changed = timestamp '2020-02-01' where part = 'y'");
        await project.ExecuteAsync("delete from main.src where id = 2");
        await project.BuildAsync();

        (await project.QueryAsync("select id, part, valid_from, case when id = 1 then valid_to end, valid_to < timestamp '9999-12-31' from main.snap order by 1, 2, 3")).Should().Equal(
            "1|x|2020-01-01|9999-12-31|False", "1|y|2020-01-01|2020-02-01|True", "1|y|2020-02-01|9999-12-31|False", "2|x|2020-01-01|null|True");
        (await project.QueryAsync("select column_name from information_schema.columns where table_name = 'snap' order by ordinal_position")).Should().Equal("id", "part", "changed", "scd_id", "updated", "valid_from", "valid_to");
    }

    [Theory]
    [OnBothWarehouses("ignore", "1|null")]
    [OnBothWarehouses("invalidate", "1|ended")]
    [OnBothWarehouses("new_record", "1|False|ended,1|True|null,1|False|ended,1|True|ended,1|False|null")]
    public async Task Notices_rows_that_are_gone(string system, string deletes, string expected)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("snapshots/snap.yml", $$"""
            snapshots:
              - name: snap
                relation: source('raw', 'src')
                config: {unique_key: id, strategy: check, check_cols: [v], hard_deletes: {{deletes}}}
            """).Write("models/s.yml", "sources: [{name: raw, schema: main, tables: [{name: src}]}]");
        await project.ExecuteAsync("create table main.src as select 1 as id, 'a' as v");
        await project.BuildAsync();
        await project.ExecuteAsync("delete from main.src");
        await project.BuildAsync();
        await project.BuildAsync();
        var deleted = deletes == "new_record" ? ", dbt_is_deleted" : "";
        var rows = string.Join(',', await project.QueryAsync($"select id{deleted}, case when dbt_valid_to is not null then 'ended' end from main.snap order by dbt_valid_from, dbt_valid_to nulls last"));
        if (deletes != "new_record")
        {
            rows.Should().Be(expected);
            return;
        }

        rows.Should().Be("1|False|ended,1|True|null");
        await project.ExecuteAsync("insert into main.src values (1, 'a')");
        await project.BuildAsync();
        (await project.QueryAsync("select id, dbt_is_deleted, dbt_valid_to is null from main.snap order by dbt_valid_from, dbt_valid_to nulls last")).Should().Equal("1|False|False", "1|True|False", "1|False|True");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Runs_hooks_before_and_after(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system, """
            name: shop
            on-run-start: ["create table if not exists main.log (line varchar)", "insert into main.log values ('start')"]
            on-run-end: "insert into main.log values ('end {{ results | length }} {{ schemas | join }} {{ results[2].to_dict().node.name }} {{ results[2].status }}')"
            models:
              +post-hook: "insert into main.log select '{{ this.identifier }} ' || count(*) from {{ this }}"
            """))
            .Write("models/a.sql", "{{ config(materialized='table', pre_hook=[\"insert into main.log values ('pre')\", {'sql': \"insert into main.log values ('alone')\", 'transaction': false}]) }} select 1 as id");

        await project.BuildAsync();

        (await project.QueryAsync("select line from main.log")).Should().Equal("start", "alone", "pre", "a 1", "end 3 main a success");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Tests_of_all_kinds_say_what_they_found(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("models/t.sql", "select * from (values (1, 'a'), (2, null), (3, null)) t(id, v)")
            .Write("macros/is_odd.sql", "{% test is_odd(model, column_name, divisor=2) %}select * from {{ model }} where {{ column_name }} % {{ divisor }} = 0{% endtest %}")
            .Write("tests/generic/positive.sql", "{% test positive(model, column_name) %}select * from {{ model }} where {{ column_name }} <= 0{% endtest %}")
            .Write("tests/singular.sql", "{{ config(severity='warn') }}select * from {{ ref('t') }} where id > 2")
            .Write("models/schema.yml", """
                models:
                  - name: t
                    data_tests:
                      - is_odd: {arguments: {column_name: id, divisor: 3}, config: {error_if: '>5', warn_if: '>0'}}
                    columns:
                      - name: id
                        data_tests: [unique, positive, {is_odd: {name: odd_where, where: 'id <> 2'}}]
                      - name: v
                        data_tests:
                          - not_null: {config: {store_failures: true, limit: 1}}
                          - not_null: {name: counted, config: {fail_calc: 'max(id)', where: 'id > 1', store_failures: true, schema: null}}
                """);

        var results = (await project.RunAsync()).Results.Where(result => result.Node.TypeName == "test").ToDictionary(result => result.Node.Name, result => $"{result.Status} {result.Failures} {result.Message}".Trim());

        results.Should().Equal(new Dictionary<string, string>
        {
            ["singular"] = "warn 1 Got 1 result, configured to warn if != 0",
            ["is_odd_t_id__3"] = "warn 1 Got 1 result, configured to warn if >0",
            ["unique_t_id"] = "pass 0",
            ["positive_t_id"] = "pass 0",
            ["odd_where"] = "pass 0",
            ["not_null_t_v"] = "fail 1 Got 1 result, configured to fail if != 0",
            ["counted"] = "fail 3 Got 3 results, configured to fail if != 0",
        });
        (await project.QueryAsync("select * from main_dbt_test__audit.not_null_t_v")).Should().Equal("2|null");
        (await project.QueryAsync("select id from main.counted order by 1")).Should().Equal("2", "3");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task An_error_leaves_the_old_table_and_skips_what_reads_it(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("models/a.sql", "{{ config(materialized='table') }}select 1 as id")
            .Write("models/b.sql", "select * from {{ ref('a') }}")
            .Write("models/c.sql", "select 1 as id");
        await project.BuildAsync();
        project.Write("models/a.sql", "{{ config(materialized='table') }}select nope as id");

        var results = (await project.RunAsync(DbtCommand.Run)).Results.ToDictionary(result => result.Node.Name);

        results["a"].Status.Should().Be("error");
        results["a"].Message.Should().StartWith("Database Error in model a (models/a.sql)\n").And.Contain("nope");
        results["b"].Status.Should().Be("skipped");
        results["c"].Status.Should().Be("success");
        (await project.QueryAsync("select id from main.a")).Should().Equal("1");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Builds_what_is_selected_and_its_tests(string system)
    {
        await using var shop = await ShopAsync(system);
        await shop.BuildAsync();
        shop.Options = shop.Options with { Select = ["stg_orders+"], Exclude = ["test_type:generic"] };

        (await shop.RunAsync()).Results.Select(result => result.Node.Name).Should().Equal("stg_orders", "customers", "dashboard");
    }

    [Fact]
    public async Task The_default_selector_holds_when_nothing_is_selected()
    {
        await using var project = new EngineFixture().Write("models/a.sql", "select 1 as id").Write("models/b.sql", "select 1 as id")
            .Write("selectors.yml", "selectors:\n  - name: nightly\n    default: true\n    definition: {method: fqn, value: b}\n");

        (await project.RunAsync()).Results.Select(result => result.Node.Name).Should().Equal("b");
        project.Options = project.Options with { Select = ["a"] };
        (await project.RunAsync()).Results.Select(result => result.Node.Name).Should().Equal("a");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Fail_fast_begins_nothing_after_a_failure(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/a.sql", "select nope").Write("models/b.sql", "select 1 as id");
        project.Options = project.Options with { FailFast = true };

        (await project.RunAsync()).Results.Select(result => $"{result.Node.Name} {result.Status}").Should().Equal("a error", "b skipped");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Runs_an_operation(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("macros/op.sql",
            "{% macro op(n) %}{% do run_query('create table main.made as select ' ~ n ~ ' as n') %}{{ log('made ' ~ n, info=true) }}{{ return(n + 1) }}{% endmacro %}");

        (await (await project.OpenAsync()).RunOperationAsync("op", EngineFixture.Dict(("n", 41L)), TestContext.Current.CancellationToken)).Should().Be(42L);

        (await project.QueryAsync("select n from main.made")).Should().Equal("41");
        project.Lines.Should().Contain("info: made 41");
    }

    [Theory]
    [InlineData("duckdb", "quoted, name", "code|VARCHAR", "n|INTEGER", "x|DOUBLE", "d|DATE", "t|TIMESTAMP", "b|BOOLEAN", "txt|VARCHAR")]
    [InlineData("postgres", "syntax error at or near \",\"", "code|character varying", "n|integer", "x|double precision", "d|date", "t|timestamp without time zone", "b|boolean", "txt|text")]
    public async Task Seeds_have_the_types_of_their_values(string system, string error, params string[] columns)
    {
        await using var project = (await EngineFixture.OnAsync(system, "name: shop\nseeds:\n  shop:\n    +column_types: {code: varchar, of_another_seed: int}\n    +quote_columns: false\n"))
            .Write("seeds/s.csv", "code,n,x,d,t,b,txt,\"quoted, name\"\n007,1,1.5,2020-01-02,2020-01-02 03:04:05,true,\"a \"\"b\"\", c\",\n008,\"1,000\",2,2020-01-03,2020-01-03 00:00:00,False,null,z\n");

        (await project.RunAsync()).Results.Single().Message.Should().Contain(error, "unquoted headers are SQL as in dbt");
        project.Write("dbt_project.yml", "name: shop\nseeds: {shop: {+column_types: {code: varchar, of_another_seed: int}}}\n");
        await project.BuildAsync();
        (await project.QueryAsync("select \"quoted, name\" from main.s where code = '008'")).Should().Equal("z");
        await project.ExecuteAsync("drop table main.s");
        project.Write("seeds/s.csv", "code,n,x,d,t,b,txt\n007,1,1.5,2020-01-02,2020-01-02 03:04:05,true,\"a \"\"b\"\", c\"\n008,\"1,000\",2,2020-01-03,2020-01-03 00:00:00,False,null\n");
        await project.BuildAsync();
        await project.BuildAsync();

        (await project.QueryAsync("select column_name, data_type from information_schema.columns where table_name = 's' order by ordinal_position"))
            .Should().Equal(columns);
        (await project.QueryAsync("select code, n, x, b, txt from main.s order by 1")).Should().Equal("007|1|1.5|True|a \"b\", c", "008|1000|2|False|null");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Seeds_have_the_delimiter_that_is_configured(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("seeds/s.csv", "id;name\n1;Ann, Bob\n2;\"a;b\"\n").Write("seeds/s.yml", "seeds: [{name: s, config: {delimiter: ';'}}]");
        await project.BuildAsync();

        (await project.QueryAsync("select id, name from s order by 1")).Should().Equal("1|Ann, Bob", "2|a;b");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Seeds_have_room_for_large_numbers(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("seeds/s.csv", "n,m\n2147483648,2147483647\n");
        await project.BuildAsync();

        (await project.QueryAsync("select column_name, lower(data_type) from information_schema.columns where table_name = 's' order by 1")).Should().Equal("m|integer", "n|bigint");
        (await project.QueryAsync("select n, m from s")).Should().Equal("2147483648|2147483647");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Tests_keep_the_rows_that_they_find_as_configured(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system, "name: shop\ndata_tests: {+severity: warn, +schema: kept}\n"))
            .Write("tests/a.sql", "{{ config(store_failures_as='table') }}select 1 as id").Write("tests/b.sql", "{{ config(store_failures_as='view') }}select 2 as id")
            .Write("tests/c.sql", "{{ config(store_failures_as='ephemeral', store_failures=true) }}select 3 as id").Write("tests/d.sql", "select 4 as id");

        (await project.RunAsync()).Results.Select(result => result.Status).Should().Equal("warn", "warn", "warn", "warn");

        (await project.QueryAsync("select table_name, table_type from information_schema.tables where table_schema = 'main_kept' order by 1")).Should().Equal("a|BASE TABLE", "b|VIEW");
        (await project.QueryAsync("select id from main_kept.a union all select id from main_kept.b order by 1")).Should().Equal("1", "2");
    }

    private static async Task<EngineFixture> ShopAsync(string system) => (await EngineFixture.OnAsync(system, """
            name: 'shop'
            version: '1.0.0'
            config-version: 2
            profile: 'shop'
            model-paths: ["models"]
            seed-paths: ["seeds"]
            clean-targets: ["target", "dbt_packages"]
            models:
              shop:
                materialized: table
                staging:
                  materialized: view
            """))
        .Write("seeds/raw_customers.csv", "id,first_name\n1,Ann\n2,Bob\n3,Cy\n")
        .Write("seeds/raw_orders.csv", "id,user_id,order_date,amount,status\n1,1,2020-01-01,10.0,placed\n2,1,2020-01-02,20.0,shipped\n3,2,2020-01-03,5.0,placed\n")
        .Write("models/staging/stg_customers.sql", """
            with source as (
                {#- Seeds stand for the raw data. #}
                select * from {{ ref('raw_customers') }}
            ),
            renamed as (
                select id as customer_id, first_name from source
            )
            select * from renamed
            """)
        .Write("models/staging/stg_orders.sql", "select id as order_id, user_id as customer_id, order_date, amount, status from {{ ref('raw_orders') }}")
        .Write("models/staging/schema.yml", """
            version: 2
            models:
              - name: stg_customers
                columns:
                  - name: customer_id
                    tests: [unique, not_null]
              - name: stg_orders
                columns:
                  - name: order_id
                    tests: [unique, not_null]
                  - name: status
                    tests:
                      - accepted_values:
                          values: ['placed', 'shipped']
                          severity: warn
                  - name: customer_id
                    tests:
                      - relationships:
                          to: ref('stg_customers')
                          field: customer_id
            """)
        .Write("models/customers.sql", """
            with customers as (select * from {{ ref('stg_customers') }}),
            orders as (select * from {{ ref('stg_orders') }}),
            totals as (
                select customer_id, count(*) as number_of_orders, sum(amount) as total from orders group by customer_id
            )
            select c.customer_id, c.first_name, t.number_of_orders, t.total
            from customers c left join totals t on c.customer_id = t.customer_id
            """)
        .Write("models/schema.yml", """
            version: 2
            models:
              - name: customers
                description: One row a customer.
                columns:
                  - name: customer_id
                    description: "{{ doc('customer_id') }}"
                    data_tests: [unique, not_null]
            exposures:
              - name: dashboard
                type: dashboard
                owner: {name: Ann, email: ann@example.com}
                depends_on: [ref('customers')]
            """)
        .Write("models/docs.md", "{% docs customer_id %}The key.{% enddocs %}");
}
