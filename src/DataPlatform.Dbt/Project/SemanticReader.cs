using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>
/// Reads semantic models, metrics and saved queries. Nothing here computes them: they are in the manifest for the tools that do, in the graph, and checked for the
/// names that they use.
/// </summary>
internal sealed class SemanticReader(ProjectFile package, Action<DbtNode> addNode, Func<YamlItem?, string> doc, Action<DbtNode, YamlItem, string[]> takeConfig, Action<YamlItem, string, string[]> check)
{
    private const string Measures = "measures";

    private static readonly string[] ConvertedMeasures = ["base_measure", "conversion_measure"];

    public void ReadSemanticModel(YamlItem yaml, string path, string inFolder)
    {
        check(yaml, "a semantic model", ["name", "description", "label", "model", "defaults", "entities", "measures", "dimensions", "primary_entity", "config"]);
        var model = yaml.Require("model");
        var node = NewNode(ResourceType.SemanticModel, yaml, path, inFolder, $"{{{{ {model} }}}}", new PythonDict
        {
            ["model"] = model,
            ["label"] = yaml["label"]?.Text,
            ["defaults"] = yaml["defaults"] is { } defaults ? new PythonDict { ["agg_time_dimension"] = defaults["agg_time_dimension"]?.Text } : null,
            ["entities"] = Elements(yaml["entities"], ("type", true), ("role", false), ("expr", false)),
            [Measures] = Elements(yaml[Measures], ("agg", true), ("create_metric", false), ("expr", false), ("agg_params", false), ("non_additive_dimension", false), ("agg_time_dimension", false)),
            ["dimensions"] = Elements(yaml["dimensions"], ("type", true), ("is_partition", false), ("type_params", false), ("expr", false)),
            ["primary_entity"] = yaml["primary_entity"]?.Text,
            ["metadata"] = null,
        });
        addNode(node);
        foreach (var measure in yaml[Measures]?.Items ?? [])
        {
            if (measure["create_metric"]?.ToValue() is true)
                AddMetric(measure, path, inFolder, measure["label"]?.Text ?? measure.Require("name"), "simple", new PythonDict { ["measure"] = measure.Require("name") });
        }
    }

    public void ReadMetric(YamlItem yaml, string path, string inFolder)
    {
        check(yaml, "a metric", ["name", "description", "label", "type", "type_params", "filter", "time_granularity", "meta", "tags", "enabled", "config"]);
        var type = yaml.Require("type");
        if (type is not ("simple" or "ratio" or "cumulative" or "derived" or "conversion")) throw yaml["type"]!.Fault($"the type of a metric is simple, ratio, cumulative, derived or conversion, not '{type}'.");
        AddMetric(yaml, path, inFolder, yaml.Require("label"), type, (yaml["type_params"] ?? throw yaml.Fault("'type_params' is missing here.")).ToValue() as PythonDict ?? new PythonDict());
    }

    public void ReadSavedQuery(YamlItem yaml, string path, string inFolder)
    {
        check(yaml, "a saved query", ["name", "description", "label", "query_params", "exports", "tags", "config"]);
        var query = yaml["query_params"] ?? throw yaml.Fault("'query_params' is missing here.");
        var metrics = (query["metrics"]?.Texts ?? []).ToList();
        var node = NewNode(ResourceType.SavedQuery, yaml, path, inFolder, "", new PythonDict
        {
            ["label"] = yaml["label"]?.Text,
            ["metadata"] = null,
            ["query_params"] = new PythonDict
            {
                ["metrics"] = new PythonList(metrics),
                ["group_by"] = new PythonList(query["group_by"]?.Texts ?? []),
                ["where"] = Filter(query["where"]?.ToValue()),
                ["order_by"] = new PythonList(query["order_by"]?.Texts ?? []),
                ["limit"] = query["limit"]?.ToValue(),
            },
            ["exports"] = new PythonList((yaml["exports"]?.Items ?? []).Select(export => (object?)new PythonDict
            {
                ["name"] = export.Require("name"),
                ["config"] = new PythonDict
                {
                    ["export_as"] = export["config"]?["export_as"]?.Text,
                    ["schema_name"] = (export["config"]?["schema_name"] ?? export["config"]?["schema"])?.Text,
                    ["alias"] = export["config"]?["alias"]?.Text,
                    ["database"] = null,
                },
                ["unrendered_config"] = new PythonDict(),
            })),
        });
        node.Needs.AddRange(metrics.Select(metric => (ResourceType.Metric, metric)));
        addNode(node);
    }

    /// <summary>Finds the semantic models and metrics that a node needs.</summary>
    /// <exception cref="TemplateError">There is none of that name.</exception>
    public static IEnumerable<string> Link(DbtProject project, DbtNode node)
    {
        foreach (var (type, name) in node.Needs)
        {
            var found = type == ResourceType.Metric
                ? project.Nodes.Values.FirstOrDefault(other => other.Type == type && other.Name == name)
                : project.Nodes.Values.FirstOrDefault(other => other.Type == type && Has(other, name));
            yield return found?.UniqueId ?? throw new TemplateError(
                $"{node.UniqueId} needs the {(type == ResourceType.Metric ? "metric" : "measure")} '{name}', which is not there.",
                type == ResourceType.Metric ? "Define it under metrics, or give the measure of that name create_metric: true." : "Define it under the measures of a semantic model.");
        }

        static bool Has(DbtNode model, string measure) => model.Extra.TryGet(Measures, out var measures)
            && ((PythonList)measures!).Items.Any(item => ((PythonDict)item!).Get("name") is string name && name == measure);
    }

    private void AddMetric(YamlItem yaml, string path, string inFolder, string label, string type, PythonDict given)
    {
        var parameters = new PythonDict
        {
            ["measure"] = Measure(yaml, given.Get("measure")),
            ["input_measures"] = new PythonList([]),
            ["numerator"] = Input(yaml, given.Get("numerator")),
            ["denominator"] = Input(yaml, given.Get("denominator")),
            ["expr"] = given.Get("expr") is { } expression ? Representation.Print(expression) : null,
            ["window"] = given.Get("window"),
            ["grain_to_date"] = given.Get("grain_to_date"),
            ["metrics"] = new PythonList((given.Get("metrics") as PythonSequence)?.Items.Select(input => (object?)Input(yaml, input)) ?? []),
            ["conversion_type_params"] = given.Get("conversion_type_params"),
            ["cumulative_type_params"] = given.Get("cumulative_type_params"),
            ["metric_aggregation_params"] = null,
        };
        var node = NewNode(ResourceType.Metric, yaml, path, inFolder, "", new PythonDict
        {
            ["label"] = label,
            ["type"] = type,
            ["type_params"] = parameters,
            ["filter"] = Filter(yaml["filter"]?.ToValue()),
            ["metadata"] = null,
            ["time_granularity"] = yaml["time_granularity"]?.Text,
        });
        var measures = new[] { parameters.Get("measure") as PythonDict }.Concat(given.Get("conversion_type_params") is PythonDict conversion
            ? ConvertedMeasures.Select(key => Measure(yaml, conversion.Get(key))) : []);
        node.Needs.AddRange(measures.OfType<PythonDict>().Select(measure => (ResourceType.SemanticModel, Representation.Print(measure.Get("name")))));
        node.Needs.AddRange(new[] { parameters.Get("numerator"), parameters.Get("denominator") }.Concat(((PythonList)parameters.Get("metrics")!).Items).OfType<PythonDict>()
            .Select(input => (ResourceType.Metric, Representation.Print(input.Get("name")))));
        parameters["input_measures"] = new PythonList(measures.OfType<PythonDict>());
        addNode(node);
    }

    /// <summary>Makes a node of what is described, and not built.</summary>
    public DbtNode NewNode(ResourceType type, YamlItem yaml, string path, string inFolder, string code, PythonDict extra)
    {
        var name = yaml.Require("name");
        var node = new DbtNode
        {
            UniqueId = $"{DbtNode.NameOf(type)}.{package.Name}.{name}",
            Type = type,
            Package = package.Name,
            Name = name,
            Path = inFolder,
            OriginalPath = path,
            Line = yaml.Line,
            Fqn = [package.Name, .. inFolder.Split('/')[..^1], name],
            Description = doc(yaml["description"]),
            RawCode = code,
            Extra = extra,
        };
        takeConfig(node, yaml, ["tags", "meta", "enabled", "group"]);
        return node;
    }

    private PythonList Elements(YamlItem? list, params (string Key, bool IsRequired)[] keys) => new((list?.Items ?? []).Select(item =>
    {
        check(item, "this", ["name", "description", "label", "config", "meta", .. keys.Select(key => key.Key)]);
        var element = new PythonDict { ["name"] = item.Require("name"), ["description"] = item["description"] is { } description ? doc(description) : null, ["label"] = item["label"]?.Text };
        foreach (var (key, isRequired) in keys)
        {
            if (isRequired) item.Require(key);
            element[key] = key == "expr" ? item[key]?.Text : item[key]?.ToValue();
        }

        element["config"] = item["config"]?.ToValue();
        return (object?)element;
    }));

    private static PythonDict? Measure(YamlItem yaml, object? written) => Fill(yaml, written, ("filter", null), ("alias", null), ("join_to_timespine", false), ("fill_nulls_with", null));

    private static PythonDict? Input(YamlItem yaml, object? written) => Fill(yaml, written, ("filter", null), ("alias", null), ("offset_window", null), ("offset_to_grain", null));

    /// <summary>A metric or measure by its name alone, or with what is asked of it.</summary>
    private static PythonDict? Fill(YamlItem yaml, object? written, params (string Key, object? Value)[] defaults)
    {
        if (written is null) return null;
        var filled = written is PythonDict dict ? Globals.CopyDict(dict) : new PythonDict { ["name"] = Representation.Print(written) };
        if (!filled.Contains("name")) throw yaml.Fault($"'name' is missing in {Representation.Of(filled)}.");
        foreach (var (key, value) in defaults)
            if (!filled.Contains(key)) filled[key] = value;
        if (filled.Get("filter") is { } filter) filled["filter"] = Filter(filter);
        return filled;
    }

    private static PythonDict? Filter(object? written) => written is null ? null : new PythonDict
    {
        ["where_filters"] = new PythonList((written is PythonSequence list ? list.Items : [written]).Select(filter => (object?)new PythonDict { ["where_sql_template"] = Representation.Print(filter).Trim() })),
    };
}
