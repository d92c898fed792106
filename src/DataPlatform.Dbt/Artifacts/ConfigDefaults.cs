using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Artifacts;

/// <summary>The configuration of a node with all keys that dbt gives it: what reads a manifest, or <c>graph</c>, counts on them.</summary>
internal static class ConfigDefaults
{
    private static readonly string[] SnapshotColumns = ["dbt_valid_to", "dbt_valid_from", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted"];

    public static PythonDict Fill(DbtNode node)
    {
        var config = new PythonDict { ["enabled"] = true };
        if (node.Type is not (ResourceType.Source or ResourceType.Exposure or ResourceType.Metric or ResourceType.SemanticModel or ResourceType.SavedQuery or ResourceType.UnitTest))
        {
            foreach (var key in new[] { "alias", "schema", "database" }) config[key] = null;
            config["group"] = null;
        }

        switch (node.Type)
        {
            case ResourceType.Source:
                Add(("event_time", null), ("loaded_at_field", Run.FreshnessRun.Setting(node, "loaded_at_field")), ("loaded_at_query", Run.FreshnessRun.Setting(node, "loaded_at_query")));
                break;
            case ResourceType.Test:
                Add(("severity", "ERROR"), ("store_failures", null), ("store_failures_as", null), ("where", null), ("limit", null), ("fail_calc", "count(*)"), ("warn_if", "!= 0"), ("error_if", "!= 0"));
                break;
            case ResourceType.Model or ResourceType.Seed or ResourceType.Snapshot or ResourceType.Analysis or ResourceType.Operation:
                Add(
                    ("incremental_strategy", null), ("batch_size", null), ("lookback", 1L), ("begin", null), ("persist_docs", new PythonDict()), ("quoting", new PythonDict()), ("column_types", new PythonDict()),
                    ("full_refresh", null), ("unique_key", null), ("on_schema_change", "ignore"), ("on_configuration_change", "apply"), ("grants", new PythonDict()), ("packages", new PythonList([])),
                    ("docs", new PythonDict { ["show"] = true, ["node_color"] = null }), ("contract", new PythonDict { ["enforced"] = false, ["alias_types"] = true }), ("event_time", null), ("concurrent_batches", null));
                if (node.Type == ResourceType.Model) Add(("access", "protected"), ("freshness", null));
                if (node.Type == ResourceType.Seed) Add(("delimiter", ","), ("quote_columns", null));
                if (node.Type == ResourceType.Snapshot)
                    Add(("strategy", null), ("target_schema", null), ("target_database", null), ("updated_at", null), ("check_cols", null), ("snapshot_meta_column_names", new PythonDict(SnapshotColumns.Select(name => new KeyValuePair<string, object?>(name, null)))), ("dbt_valid_to_current", null));
                break;
        }

        foreach (var (key, value) in node.Config.ToDict().Items) config[key] = value;
        if (node.Type == ResourceType.Source) config["freshness"] = Run.FreshnessRun.Describe(node);
        config["tags"] = new PythonList(node.Tags);
        config["meta"] = node.Config.Meta;
        if (config.Get("contract") is PythonDict contract && !contract.Contains("alias_types")) config["contract"] = With(contract, "alias_types", true);
        return config;

        static PythonDict With(PythonDict dict, string key, object? value)
        {
            var copy = Globals.CopyDict(dict);
            copy[key] = value;
            return copy;
        }

        void Add(params ReadOnlySpan<(string Key, object? Value)> defaults)
        {
            foreach (var (key, value) in defaults) config[key] = value;
        }
    }
}
