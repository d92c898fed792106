using System.Diagnostics;
using System.Globalization;
using DataPlatform.Dbt;
using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Transform;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Benchmarks;

/// <summary>dbt: how long the built-in engine takes for a build, and what the runner of the dbt command adds to it.</summary>
internal static class DbtBenchmark
{
    private const int Nodes = 28;

    /// <summary>A project of 28 nodes on an empty DuckDB file.</summary>
    public static async Task<int> BuildAsync(int rounds, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("dataplatform-bench-").FullName;
        var project = WriteProject(Path.Combine(folder, "shop"));
        var file = Path.Combine(folder, "warehouse.duckdb");
        var environment = new Dictionary<string, string?> { ["ConnectionStrings__warehouse"] = $"DataSource={file}", ["DBT_PROJECT"] = project };
        Task Clean()
        {
            foreach (var old in Directory.GetFiles(folder)) File.Delete(old);
            return Task.CompletedTask;
        }

        async Task<string> CountAsync()
        {
            await using var warehouse = new DuckDbWarehouse("warehouse", $"DataSource={file}");
            await using var transaction = await warehouse.BeginAsync(cancellationToken);
            return string.Join('|', (await transaction.QueryAsync("SELECT count(*), sum(orders)::int, sum(total)::int FROM main.customers", cancellationToken: cancellationToken))[0]);
        }

        await Contest.RunAsync(
            $"dbt build, {Nodes} nodes, DuckDB, from the start of the process to its end",
            [
                new Contender("engine alone, one thread", Clean, () => BenchmarkJob.Start($"dbt-build {project} {file} 1"), CountAsync),
                new Contender("engine alone, four threads", Clean, () => BenchmarkJob.Start($"dbt-build {project} {file} 4"), CountAsync),
                new Contender("job with a dbt step: preflight, ledger, journal", Clean, () => BenchmarkJob.Start("run", environment), CountAsync),
            ],
            rounds,
            cancellationToken);

        var warm = new List<double>();
        for (var round = 0; round <= 10 * rounds; round++)
        {
            await Clean();
            var clock = Stopwatch.StartNew();
            await BuildOnceAsync(project, file, threads: 1);
            if (round > 0) warm.Add(clock.Elapsed.TotalSeconds);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| the same in a process that has done it before, one thread | {Contest.Median(warm):0.00} ({warm.Min():0.00}-{warm.Max():0.00}) | | | |"));
        Directory.Delete(folder, recursive: true);
        return 0;
    }

    /// <summary>One build by the engine, in this process.</summary>
    public static async Task BuildOnceAsync(string project, string file, int threads)
    {
        await using var warehouse = new DuckDbWarehouse("warehouse", $"DataSource={file}");
        var result = await new BuiltInDbtRunner().RunAsync(new DbtInvocation(project) { Threads = threads }, new DbtRunContext(warehouse));
        result.ThrowIfFailed();
        if (result.Nodes.Count != Nodes) throw new InvalidOperationException($"{result.Nodes.Count} nodes ran, not {Nodes}.");
    }

    /// <summary>A recorded dbt, as a bare process and by the runner, in turn.</summary>
    public static async Task<int> RunnerAsync(int rounds, string postgres, CancellationToken cancellationToken)
    {
        Environment.SetEnvironmentVariable("RECORDED_DBT_CASE", "lab_build");
        await using var warehouse = new PostgreSqlWarehouse("warehouse", postgres);
        var runner = new DbtCliRunner(postgres, new DbtRunnerOptions { Executable = RecordedDbt.Executable });
        var (bare, run) = (new List<double>(), new List<double>());
        var target = Directory.CreateTempSubdirectory("dataplatform-bench-").FullName;
        for (var round = 0; round <= 10 * rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            var start = new ProcessStartInfo(RecordedDbt.Executable, ["build", "--target-path", target]) { RedirectStandardOutput = true };
            using (var process = Process.Start(start)!)
            {
                await process.StandardOutput.ReadToEndAsync(cancellationToken);
                await process.WaitForExitAsync(cancellationToken);
            }

            if (round > 0) bare.Add(clock.Elapsed.TotalMilliseconds);
            clock.Restart();
            await runner.RunAsync(new DbtInvocation(RecordedDbt.Project), new DbtRunContext(warehouse), cancellationToken);
            if (round > 0) run.Add(clock.Elapsed.TotalMilliseconds);
        }

        Directory.Delete(target, recursive: true);
        Console.WriteLine("| dbt command, 21 nodes | wall, median (min-max) ms | more than bare, ms |");
        Console.WriteLine("|---|---|---|");
        foreach (var (name, times) in new[] { ("a recorded dbt as a bare process (floor)", bare), ("DbtCliRunner over it: profile, events, artifacts, lineage", run) })
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {Contest.Median(times):0} ({times.Min():0}-{times.Max():0}) | {Contest.Median(times) - Contest.Median(bare):0} |"));
        return 0;
    }

    // Three seeds, three staging views, five tables, an incremental model and a snapshot, and fifteen tests of them.
    private static string WriteProject(string folder)
    {
        foreach (var (path, content) in new[]
        {
            ("dbt_project.yml", "name: shop\nmodels: {shop: {staging: {+materialized: view}, marts: {+materialized: table}}}\n"),
            ("seeds/raw_customers.csv", "id,name\n" + string.Concat(Enumerable.Range(1, 100).Select(i => $"{i},Customer {i}\n"))),
            ("seeds/raw_orders.csv", "id,customer_id,ordered_at,status\n" + string.Concat(Enumerable.Range(1, 500).Select(i => $"{i},{(i % 100) + 1},2026-01-{(i % 28) + 1:00},{(i % 3 == 0 ? "returned" : "placed")}\n"))),
            ("seeds/raw_payments.csv", "id,order_id,method,amount\n" + string.Concat(Enumerable.Range(1, 600).Select(i => $"{i},{(i % 500) + 1},{(i % 2 == 0 ? "card" : "transfer")},{i % 90}\n"))),
            ("macros/cents.sql", "{% macro cents(column) %}{{ column }} * 100{% endmacro %}"),
            ("models/staging/stg_customers.sql", "select id as customer_id, name from {{ ref('raw_customers') }}"),
            ("models/staging/stg_orders.sql", "select id as order_id, customer_id, ordered_at, status from {{ ref('raw_orders') }}"),
            ("models/staging/stg_payments.sql", "select id as payment_id, order_id, method, amount, {{ cents('amount') }} as cents from {{ ref('raw_payments') }}"),
            ("models/marts/orders.sql", """
                {% set methods = ['card', 'transfer'] %}
                select o.order_id, o.customer_id, o.ordered_at, o.status,
                    {% for method in methods %}sum(case when p.method = '{{ method }}' then p.amount else 0 end) as {{ method }}_amount, {% endfor %}
                    sum(p.amount) as amount
                from {{ ref('stg_orders') }} o left join {{ ref('stg_payments') }} p using (order_id)
                group by 1, 2, 3, 4
                """),
            ("models/marts/customers.sql", "select c.customer_id, c.name, count(o.order_id) as orders, coalesce(sum(o.amount), 0) as total from {{ ref('stg_customers') }} c left join {{ ref('orders') }} o using (customer_id) group by 1, 2"),
            ("models/marts/days.sql", "select ordered_at, count(*) as orders, sum(amount) as amount from {{ ref('orders') }} group by 1"),
            ("models/marts/methods.sql", "select method, sum(amount) as amount from {{ ref('stg_payments') }} group by 1"),
            ("models/marts/best_customers.sql", "select * from {{ ref('customers') }} order by total desc limit 10"),
            ("models/marts/events.sql", """
                {{ config(materialized='incremental', unique_key='order_id') }}
                select order_id, ordered_at, status from {{ ref('stg_orders') }}
                {% if is_incremental() %} where ordered_at > (select max(ordered_at) from {{ this }}) {% endif %}
                """),
            ("snapshots/customer_history.yml", "snapshots: [{name: customer_history, relation: ref('customers'), config: {unique_key: customer_id, strategy: check, check_cols: [total]}}]"),
            ("models/schema.yml", """
                models:
                  - name: stg_customers
                    columns: [{name: customer_id, data_tests: [unique, not_null]}]
                  - name: stg_orders
                    columns:
                      - {name: order_id, data_tests: [unique, not_null]}
                      - {name: status, data_tests: [{accepted_values: {arguments: {values: [placed, returned]}}}]}
                  - name: stg_payments
                    columns: [{name: payment_id, data_tests: [unique, not_null]}, {name: method, data_tests: [{accepted_values: {arguments: {values: [card, transfer]}}}]}]
                  - name: orders
                    columns:
                      - {name: order_id, data_tests: [unique, not_null]}
                      - {name: customer_id, data_tests: [{relationships: {arguments: {to: ref('customers'), field: customer_id}}}]}
                  - name: customers
                    columns: [{name: customer_id, data_tests: [unique, not_null]}, {name: total, data_tests: [not_null]}]
                  - name: methods
                    columns: [{name: method, data_tests: [unique]}]
                """),
        })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, path))!);
            File.WriteAllText(Path.Combine(folder, path), content);
        }

        return folder;
    }
}
