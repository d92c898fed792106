using System.Text;

namespace DataPlatform.Transform;

/// <summary>The folder of one invocation, for its owner alone: artifacts, and for the dbt command its profile and logs. Deleted with it.</summary>
internal sealed class DbtWorkspace : IDisposable
{
    private const string ParsedFile = "partial_parse.msgpack";

    private readonly string? _cache;

    public DbtWorkspace() => Directory.CreateDirectory(Target);

    public DbtWorkspace(string profile, string? cache)
        : this()
    {
        _cache = cache;
        try
        {
            Directory.CreateDirectory(Profiles);
            Directory.CreateDirectory(Logs);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(Path.Combine(Profiles, "profiles.yml"), options)) file.Write(Encoding.UTF8.GetBytes(profile));
            if (cache is not null && File.Exists(Path.Combine(cache, ParsedFile))) File.Copy(Path.Combine(cache, ParsedFile), Path.Combine(Target, ParsedFile));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("dataplatform-dbt-").FullName;

    public string Profiles => Path.Combine(Root, "profiles");

    public string Target => Path.Combine(Root, "target");

    public string Logs => Path.Combine(Root, "logs");

    public string ManifestFile => Path.Combine(Target, "manifest.json");

    public string RunResultsFile => Path.Combine(Target, "run_results.json");

    public string SourcesFile => Path.Combine(Target, "sources.json");

    /// <summary>Keeps what dbt parsed for the next invocation. Others may do so at the same time.</summary>
    public void KeepParsed()
    {
        if (_cache is not null && File.Exists(Path.Combine(Target, ParsedFile))) Keep(ParsedFile, _cache);
    }

    /// <summary>Copies the artifacts into a folder.</summary>
    public void KeepArtifacts(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(Target, "*.json")) Keep(Path.GetFileName(file), folder);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private void Keep(string file, string folder)
    {
        Directory.CreateDirectory(folder);
        var temporary = Path.Combine(folder, $".{file}.{Guid.NewGuid():N}");
        File.Copy(Path.Combine(Target, file), temporary);
        File.Move(temporary, Path.Combine(folder, file), overwrite: true);
    }
}
