using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using DataPlatform.Jobs.Commands;
using DataPlatform.Pipelines;
using DataPlatform.Secrets;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace DataPlatform.Jobs;

/// <summary>What a command of <see cref="IJobCommand"/> knows and can do. What it writes goes to standard output, without secrets; logs go to standard error.</summary>
public sealed class JobCommandContext
{
    private readonly JobEnvironment _job;
    private readonly PipelineCatalog _catalog;

    internal JobCommandContext(JobEnvironment job, PipelineCatalog catalog, ParseResult arguments, OutputFormat format)
    {
        (_job, _catalog, Arguments) = (job, catalog, arguments);
        WantsJson = format == OutputFormat.Json;
    }

    /// <summary>What was given on the command line.</summary>
    public ParseResult Arguments { get; }

    /// <summary>The host's services.</summary>
    public IServiceProvider Services => _job.Services;

    /// <summary>Whether the result is to be one JSON object: <c>--output json</c>.</summary>
    public bool WantsJson { get; }

    /// <summary>The names of the job's pipelines.</summary>
    public IReadOnlyList<string> Pipelines => _catalog.Names;

    /// <summary>The pipeline of that name; without a name the only one.</summary>
    /// <exception cref="DataPlatformException">There is none, there are several, or it is not valid.</exception>
    public PipelineDefinition GetPipeline(string? name) => _catalog.Build(name);

    /// <summary>Writes the result as one JSON object.</summary>
    public void WriteJson<T>(T result, JsonTypeInfo<T> type)
    {
        var json = JsonSerializer.SerializeToNode(result, type);
        _job.Console.WriteResult(JsonSerializer.SerializeToUtf8Bytes(Mask(json), JobJson.Readable.JsonNode));
    }

    /// <summary>Writes a table for people.</summary>
    /// <param name="columns">The headings.</param>
    /// <param name="rows">The cells of each row; null is an empty one.</param>
    public void WriteTable(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string?>> rows)
    {
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(rows);
        _job.Console.WriteResult(mask =>
        {
            var table = new Table().Border(TableBorder.Simple).AddColumns([.. columns]);
            foreach (var row in rows) table.AddRow(row.Select(cell => new Text(mask(cell ?? ""))));
            return table;
        });
    }

    /// <summary>Writes a line for people.</summary>
    public void WriteLine(string text) => _job.Console.WriteResult($"{text}\n");

    // Values alone: a secret that is a word of ours would otherwise take the names of properties with it.
    private JsonNode? Mask(JsonNode? node)
    {
        var masker = Services.GetRequiredService<ISecretMasker>();
        JsonNode? Copy(JsonNode? from) => from switch
        {
            JsonObject properties => new JsonObject(properties.Select(p => KeyValuePair.Create(p.Key, Copy(p.Value)))),
            JsonArray items => new JsonArray([.. items.Select(Copy)]),
            JsonValue value when value.GetValueKind() == JsonValueKind.String => JsonValue.Create(masker.Mask(value.GetValue<string>())),
            _ => from?.DeepClone(),
        };
        return Copy(node);
    }
}
