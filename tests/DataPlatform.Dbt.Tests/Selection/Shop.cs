using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Selection;

/// <summary>A shop: sources, staging, marts, a seed, a snapshot, tests, a unit test, an exposure and a package of utilities. Ids are short, for the cases.</summary>
internal static class Shop
{
    private static readonly PythonDict Meta = new([new("owner", "finance"), new("pii", true), new("priority", 1L)]);

    public static SelectableGraph Graph { get; } = new(
        "shop",
        [
            Node("src_orders", "source", "orders", "models/staging/sources.yml") with { SourceName = "raw", Tags = ["landed"] },
            Node("src_customers", "source", "customers", "models/staging/sources.yml") with { SourceName = "raw" },
            Node("src_calendar", "source", "calendar", "models/sources.yml", "util") with { SourceName = "reference" },
            Node("countries", "seed", "countries", "seeds/countries.csv") with { Config = Config("seed") },
            Node("stg_orders", "model", "stg_orders", "models/staging/stg_orders.sql", parents: "src_orders") with { PatchPath = "models/staging/schema.yml", Tags = ["nightly"], Config = Config("view") },
            Node("stg_customers", "model", "stg_customers", "models/staging/stg_customers.sql", parents: "src_customers") with { Config = Config("view") },
            Node("dates", "model", "dates", "models/dates.sql", "util", "src_calendar") with { MacroIds = ["macro.util.spine"], Config = Config("ephemeral") },
            Node("orders", "model", "orders", "models/marts/orders.sql", parents: "stg_orders dates") with
            {
                Tags = ["nightly", "finance-core"],
                Group = "finance",
                Access = "public",
                Config = new Dictionary<string, object?> { ["materialized"] = "incremental", ["meta"] = Meta, ["unique_key"] = new PythonList(["id", "day"]), ["transient"] = true },
            },
            Node("customers1", "model", "customers", "models/marts/customers_v1.sql", parents: "stg_customers") with { Fqn = ["shop", "marts", "customers", "v1"], Version = "1", LatestVersion = "2" },
            Node("customers2", "model", "customers", "models/marts/customers_v2.sql", parents: "stg_customers countries orders") with { Fqn = ["shop", "marts", "customers", "v2"], Version = "2", LatestVersion = "2" },
            Node("customers10", "model", "customers", "models/marts/customers_v10.sql", parents: "stg_customers") with { Fqn = ["shop", "marts", "customers", "v10"], Version = "10", LatestVersion = "2" },
            Node("revenue", "model", "revenue", "models/marts/finance/revenue.sql", parents: "orders") with { Group = "finance", Access = "private", Config = Config("table") },
            Node("history", "snapshot", "orders_history", "snapshots/orders_history.sql", parents: "stg_orders"),
            Node("t_src", "test", "source_unique_raw_orders_id", "models/staging/sources.yml", parents: "src_orders") with { TestName = "unique" },
            Node("t_stg", "test", "unique_stg_orders_id", "models/staging/schema.yml", parents: "stg_orders") with { TestName = "unique" },
            Node("t_rel", "test", "relationships_customers_orders", "models/marts/schema.yml", parents: "orders customers2") with { TestName = "relationships", Config = new Dictionary<string, object?> { ["severity"] = "WARN" } },
            Node("t_rev", "test", "not_null_revenue_amount", "models/marts/schema.yml", parents: "revenue") with { TestName = "not_null" },
            Node("t_sum", "test", "sums_agree", "tests/sums_agree.sql", parents: "revenue stg_orders"),
            Node("u_orders", "unit_test", "adds_up", "models/marts/schema.yml", parents: "orders"),
            Node("board", "exposure", "board", "models/marts/exposures.yml", parents: "revenue") with { Tags = ["weekly"] },
        ],
        new Dictionary<string, SelectableMacro> { ["macro.util.spine"] = new("as before", ["macro.util.series"]), ["macro.util.series"] = new("new", []) });

    /// <summary>Since then the code of stg_orders, the configuration of orders and a macro that dates calls by way of another have changed, and revenue was added.</summary>
    public static SelectionState State { get; } = new()
    {
        Nodes = Graph.Nodes.Where(node => node.UniqueId != "revenue").ToDictionary(node => node.UniqueId, node => node.UniqueId switch
        {
            "stg_orders" => node.Checksums with { Body = "old" },
            "orders" => node.Checksums with { Configs = "old" },
            "customers1" => node.Checksums with { Relation = "old" },
            "customers2" => node.Checksums with { PersistedDescriptions = "old" },
            "customers10" => node.Checksums with { Contract = "old" },
            "board" => node.Checksums with { Rest = "old" },
            _ => node.Checksums,
        }),
        Macros = new Dictionary<string, string> { ["macro.util.spine"] = "as before", ["macro.util.series"] = "old" },
        Results = new Dictionary<string, string> { ["stg_orders"] = "success", ["orders"] = "error", ["revenue"] = "skipped", ["t_stg"] = "fail", ["t_rel"] = "warn", ["t_src"] = "pass" },
        Freshness = new SourceFreshness(
            new Dictionary<string, DateTimeOffset> { ["src_orders"] = DateTimeOffset.UnixEpoch, ["src_customers"] = DateTimeOffset.UnixEpoch },
            new Dictionary<string, DateTimeOffset> { ["src_orders"] = DateTimeOffset.UnixEpoch.AddDays(1), ["src_customers"] = DateTimeOffset.UnixEpoch }),
    };

    private static Dictionary<string, object?> Config(string materialized) => new() { ["materialized"] = materialized };

    private static SelectableNode Node(string id, string type, string name, string path, string package = "shop", string parents = "") => new()
    {
        UniqueId = id,
        ResourceType = type,
        Name = name,
        Package = package,
        Fqn = [package, .. path.Split('/')[1..^1], name],
        OriginalFilePath = path,
        ParentIds = parents.Split(' ', StringSplitOptions.RemoveEmptyEntries),
    };
}
