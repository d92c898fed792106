using System.Text.Json;

namespace DataPlatform.Ingestion.Tests.Corpus;

/// <summary>What one file of the corpus must come to. The list for a format is in its <c>expected.json</c>.</summary>
internal sealed record CorpusCase
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() }, UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow };

    /// <summary>The file, in the folder of its format or made by the format's class here.</summary>
    public required string File { get; init; }

    /// <summary>How it is read: the delimiter, the encoding or the path of the records, as far as they are not the defaults.</summary>
    public string? With { get; init; }

    /// <summary>The rows that are in the table: <c>id|name|amount|day</c>, with ∅ for NULL.</summary>
    public IReadOnlyList<string> Rows { get; init; } = [];

    /// <summary>The rows that are in quarantine: position, column if one is at fault, and how the reason begins.</summary>
    public IReadOnlyList<string> Rejected { get; init; } = [];

    /// <summary>The failure's class, when the file fails as a whole.</summary>
    public FailureClass Fails { get; init; }

    /// <summary>What the failure's message has in it.</summary>
    public string Because { get; init; } = "";

    public static string FolderOf(string format) => Path.Combine(AppContext.BaseDirectory, "Corpus", format);

    public static IReadOnlyList<CorpusCase> ListOf(string format) =>
        JsonSerializer.Deserialize<CorpusCase[]>(System.IO.File.ReadAllBytes(Path.Combine(FolderOf(format), "expected.json")), Options)!;

    /// <summary>The files of a format that are on disk.</summary>
    public static IEnumerable<string> FilesOf(string format) =>
        Directory.EnumerateFiles(FolderOf(format)).Select(path => Path.GetFileName(path)).Where(name => name != "expected.json");
}
