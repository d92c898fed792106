using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace DataPlatform.Lineage;

/// <summary>A run event of OpenLineage, spec 2-0-2: https://openlineage.io/spec/2-0-2/OpenLineage.json.</summary>
/// <param name="Type"><c>START</c>, <c>COMPLETE</c>, <c>FAIL</c> or <c>ABORT</c>.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Run">What ran.</param>
internal sealed record OpenLineageEvent(string Type, DateTimeOffset Time, OpenLineageRun Run)
{
    private const string Spec = "https://openlineage.io/spec";

    // A URI that says who sent it; there is no page behind it.
    private static readonly string Producer = $"urn:dataplatform:core:{typeof(OpenLineageEvent).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0"}";

    /// <summary>The run that this one is part of, and the one that both are part of in the end; null for neither.</summary>
    public (OpenLineageRun Parent, OpenLineageRun Root)? Within { get; init; }

    /// <summary>What runs it: <c>DBT</c>; null is the job itself.</summary>
    public string? Engine { get; init; }

    /// <summary>The engine's version.</summary>
    public string? EngineVersion { get; init; }

    /// <summary>What sort of job it is: <c>PIPELINE</c>, <c>STEP</c>, <c>MODEL</c>.</summary>
    public required string JobType { get; init; }

    /// <summary>The date that the run is for.</summary>
    public DateOnly? LogicalDate { get; init; }

    public IReadOnlyList<Dataset> Inputs { get; init; } = [];

    public IReadOnlyList<Dataset> Outputs { get; init; } = [];

    public long? Rows { get; init; }

    public string? Error { get; init; }

    public byte[] ToJson() => Encoding.UTF8.GetBytes(Write().ToJsonString());

    private JsonObject Write()
    {
        var run = new JsonObject();
        if (Within is var (parent, root))
        {
            run["parent"] = Facet("facets/1-2-0/ParentRunFacet", ("run", RunId(parent)), ("job", JobName(parent)), ("root", new JsonObject { ["run"] = RunId(root), ["job"] = JobName(root) }));
        }

        if (LogicalDate is { } date) run["nominalTime"] = Facet("facets/1-0-1/NominalTimeRunFacet", ("nominalStartTime", Moment(new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero))));
        if (Engine is not null && EngineVersion is not null) run["processing_engine"] = Facet("facets/1-1-1/ProcessingEngineRunFacet", ("name", Engine), ("version", EngineVersion));
        if (Error is not null) run["errorMessage"] = Facet("facets/1-0-1/ErrorMessageRunFacet", ("message", Error), ("programmingLanguage", Engine is null ? "C#" : "SQL"));

        var job = JobName(Run);
        job["facets"] = new JsonObject
        {
            ["jobType"] = Facet("facets/2-0-4/JobTypeJobFacet", ("processingType", "BATCH"), ("integration", Engine?.ToUpperInvariant() ?? "DATAPLATFORM"), ("jobType", JobType)),
        };
        return new JsonObject
        {
            ["eventType"] = Type,
            ["eventTime"] = Moment(Time),
            ["producer"] = Producer,
            ["schemaURL"] = $"{Spec}/2-0-2/OpenLineage.json#/$defs/RunEvent",
            ["run"] = new JsonObject { ["runId"] = Run.Id.ToString(), ["facets"] = run },
            ["job"] = job,
            ["inputs"] = new JsonArray([.. Inputs.Select(Describe)]),
            ["outputs"] = new JsonArray([.. Outputs.Select(DescribeOutput)]),
        };
    }

    private static JsonObject Describe(Dataset dataset)
    {
        var described = new JsonObject { ["namespace"] = dataset.Namespace, ["name"] = dataset.Name };
        if (dataset.Columns.Count == 0) return described;
        var fields = new JsonArray([.. dataset.Columns.Select(column => column.Type is null ? new JsonObject { ["name"] = column.Name } : new JsonObject { ["name"] = column.Name, ["type"] = column.Type })]);
        described["facets"] = new JsonObject { ["schema"] = Facet("facets/1-2-0/SchemaDatasetFacet", ("fields", fields)) };
        return described;
    }

    private JsonObject DescribeOutput(Dataset dataset)
    {
        var described = Describe(dataset);
        // Of several outputs nobody knows which the rows went to.
        if (Rows is { } rows && Outputs.Count == 1)
            described["outputFacets"] = new JsonObject { ["outputStatistics"] = Facet("facets/1-0-2/OutputStatisticsOutputDatasetFacet", ("rowCount", rows)) };
        return described;
    }

    private static JsonObject Facet(string schema, params ReadOnlySpan<(string Name, JsonNode Value)> properties)
    {
        var facet = new JsonObject { ["_producer"] = Producer, ["_schemaURL"] = $"{Spec}/{schema}.json#/$defs/{schema[(schema.LastIndexOf('/') + 1)..]}" };
        foreach (var (name, value) in properties) facet[name] = value;
        return facet;
    }

    private static JsonObject RunId(OpenLineageRun run) => new() { ["runId"] = run.Id.ToString() };

    private static JsonObject JobName(OpenLineageRun run) => new() { ["namespace"] = run.Namespace, ["name"] = run.Name };

    private static string Moment(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}

/// <summary>A run of a job as OpenLineage knows it: a pipeline's, a step's, a dbt node's.</summary>
/// <param name="Namespace">The namespace of the job.</param>
/// <param name="RunId">The pipeline's run.</param>
/// <param name="Names">The pipeline, the step, the part, as far as it goes.</param>
internal sealed record OpenLineageRun(string Namespace, string RunId, params IReadOnlyList<string> Names)
{
    /// <summary>The job's name.</summary>
    public string Name => string.Join('.', Names);

    /// <summary>The same for the same run, in whatever process: containers that each run a step tell of one run, and a run that is resumed goes on.</summary>
    public Guid Id
    {
        get
        {
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', [Namespace, RunId, .. Names])));
            // Version 8 of RFC 9562: what the bits are is the maker's business.
            hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
            hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
            return new Guid(hash.AsSpan(0, 16), bigEndian: true);
        }
    }
}
