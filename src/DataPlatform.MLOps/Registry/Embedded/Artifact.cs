using System.Security.Cryptography;

namespace DataPlatform.MLOps;

/// <summary>An artifact at hand: its bytes, which can be read more than once, and their hash.</summary>
internal sealed class Artifact : IAsyncDisposable
{
    private readonly Stream _content;
    private readonly bool _isOwn;

    private Artifact(Stream content, bool isOwn, string sha256) => (_content, _isOwn, Sha256) = (content, isOwn, sha256);

    public string Sha256 { get; }

    public long Size => _content.Length;

    /// <summary>Reads a stream to its end. One that cannot seek is kept in a scratch file.</summary>
    public static async Task<Artifact> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        if (stream.CanSeek)
        {
            stream.Position = 0;
            return new Artifact(stream, isOwn: false, Hex(await SHA256.HashDataAsync(stream, cancellationToken).ConfigureAwait(false)));
        }

        var file = ScratchFile.Create();
        try
        {
            await stream.CopyToAsync(file, cancellationToken).ConfigureAwait(false);
            file.Position = 0;
            return new Artifact(file, isOwn: true, Hex(await SHA256.HashDataAsync(file, cancellationToken).ConfigureAwait(false)));
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The bytes from the beginning.</summary>
    public Stream Rewind()
    {
        _content.Position = 0;
        return _content;
    }

    /// <summary>Lets a scratch file go; a stream that was given stays its owner's.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isOwn) await _content.DisposeAsync().ConfigureAwait(false);
    }

    private static string Hex(byte[] hash) => Convert.ToHexStringLower(hash);
}
