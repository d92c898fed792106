using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DataPlatform.Jobs.Commands;

namespace DataPlatform.Jobs;

/// <summary>How results are written as JSON.</summary>
[JsonSerializable(typeof(JobSummary))]
[JsonSerializable(typeof(DoctorReport))]
[JsonSerializable(typeof(RunList))]
[JsonSerializable(typeof(RunListItem))]
[JsonSerializable(typeof(LoadList))]
[JsonSerializable(typeof(LoadUndoReport))]
[JsonSerializable(typeof(ContractList))]
[JsonSerializable(typeof(LineageList))]
[JsonSerializable(typeof(LineageReach))]
[JsonSerializable(typeof(JsonNode))]
internal sealed partial class JobJson : JsonSerializerContext
{
    /// <summary>Writes <c>→</c> and quotes as they are: the output is a file or a terminal, not a web page.</summary>
    public static JobJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
