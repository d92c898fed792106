using System.Globalization;

namespace DataPlatform.Secrets;

/// <summary><c>${secret://file/NAME}</c>: one file a secret in a folder, as Kubernetes mounts them.</summary>
internal sealed class FileSecretStore(string directory, TimeProvider time) : ISecretStore
{
    public const string DirectoryKey = "DataPlatform:Secrets:File:Directory";
    public const string DefaultDirectory = "/etc/secrets";

    private readonly string _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));

    public string Scheme => "file";

    public async Task<SecretValue?> FindAsync(string name, CancellationToken cancellationToken = default)
    {
        var path = Locate(name);
        if (!File.Exists(path)) return null;
        try
        {
            var text = await File.ReadAllTextAsync(path, cancellationToken).ConfigureAwait(false);
            return new SecretValue(TrimNewline(text), Describe(name), ModifiedAt(path), time.GetUtcNow());
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new DataPlatformException(FailureClass.NotAuthorized, $"The secret file {path} cannot be read.",
                "Give the job's user the right to read it; in Kubernetes set fsGroup or the volume's defaultMode.", e);
        }
    }

    public string Describe(string name) => $"file {Path.Combine(_root, name)}";

    private string Locate(string name)
    {
        var path = name.Contains('\0', StringComparison.Ordinal) ? _root : Path.GetFullPath(Path.Combine(_root, name));
        return path.StartsWith(_root + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? path
            : throw new DataPlatformException(FailureClass.Configuration, $"'{name}' does not name a file within {_root}.",
                $"Use a name relative to the folder, without '..', or set {DirectoryKey}.");
    }

    // Kubernetes swaps a symbolic link when a secret changes; the file behind it tells its age.
    private static string ModifiedAt(string path) =>
        (File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path)).LastWriteTimeUtc
        .ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string TrimNewline(string text) =>
        text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;
}
