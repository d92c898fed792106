using System.Security.Cryptography;
using System.Text;

namespace DataPlatform.Ingestion;

/// <summary>One answer of an API, while it is read.</summary>
internal sealed class HttpPage : ForwardStream, ISourceText
{
    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    private readonly HttpApi _api;
    private readonly string _path;
    private readonly int _number;
    private readonly HttpResponseMessage _response;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _head = new byte[3];
    private Stream _body = Stream.Null;
    private Utf8Transcoder? _transcoder;
    private int _headStart, _headEnd;

    private HttpPage(HttpApi api, string path, int number, HttpResponseMessage response)
    {
        _api = api;
        _path = path;
        _number = number;
        _response = response;
    }

    public string Name => $"{_api.Name}:{_path} page {_number}";

    /// <summary>How many bytes of the body were read.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Whether there is a body.</summary>
    public bool HasContent => _response.StatusCode != System.Net.HttpStatusCode.NoContent;

    /// <summary>The answer's headers.</summary>
    public System.Net.Http.Headers.HttpResponseHeaders Headers => _response.Headers;

    /// <exception cref="DataPlatformException">What was answered is not JSON.</exception>
    public static async Task<HttpPage> OpenAsync(HttpApi api, string path, int number, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var page = new HttpPage(api, path, number, response);
        try
        {
            await page.BeginAsync(cancellationToken).ConfigureAwait(false);
            return page;
        }
        catch
        {
            await page.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The hash of what was read so far.</summary>
    public string Hash() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    public DataPlatformException Invalid(string problem, string? hint, Exception? cause = null) =>
        new(FailureClass.Data, _api.Mask($"{Name} {problem}"), hint, cause);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _transcoder is null ? ReadBytesAsync(buffer, cancellationToken) : _transcoder.ReadAsync(buffer, ReadBytesAsync, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _body.Dispose();
            _response.Dispose();
            _hash.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        if (!HasContent) return;
        var type = _response.Content.Headers.ContentType;
        if (type?.MediaType is { } media && !IsJson(media))
            throw Invalid($"is {media}, not JSON.", "Check the path. A page of HTML is most often a login or an error that is answered with 200.");
        if (type?.CharSet?.Trim('"') is { Length: > 0 } charset && FindEncoding(charset) is { CodePage: not 65001 and not 20127 } encoding) _transcoder = new Utf8Transcoder(encoding);

        _body = await _response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        for (int read; _headEnd < _head.Length && (read = await ReadBodyAsync(_head.AsMemory(_headEnd), cancellationToken).ConfigureAwait(false)) > 0;) _headEnd += read;
        if (_head.AsSpan(0, _headEnd).SequenceEqual(ByteOrderMark)) _headStart = _headEnd;
    }

    private Encoding FindEncoding(string charset)
    {
        try
        {
            return TextEncodings.Find(charset);
        }
        catch (DataPlatformException exception)
        {
            throw Invalid($"says that it is in '{charset}', which is no text encoding.", "The API or a proxy before it sends a wrong Content-Type.", exception);
        }
    }

    private static bool IsJson(string media) =>
        media.Contains("json", StringComparison.OrdinalIgnoreCase) || media.Equals("text/plain", StringComparison.OrdinalIgnoreCase)
        || media.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase) || media.Equals("text/javascript", StringComparison.OrdinalIgnoreCase);

    private ValueTask<int> ReadBytesAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_headStart == _headEnd) return ReadBodyAsync(buffer, cancellationToken);
        var count = Math.Min(buffer.Length, _headEnd - _headStart);
        _head.AsMemory(_headStart, count).CopyTo(buffer);
        _headStart += count;
        return new(count);
    }

    private async ValueTask<int> ReadBodyAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            var pending = _body.ReadAsync(buffer, cancellationToken);
            var read = pending.IsCompleted
                ? await pending.ConfigureAwait(false)
                : await pending.AsTask().WaitAsync(_api.Timeout, _api.Time, cancellationToken).ConfigureAwait(false);
            _hash.AppendData(buffer.Span[..read]);
            BytesRead += read;
            return read;
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException)
        {
            // The second is how Brotli says it.
            throw Invalid($"cannot be decompressed beyond byte {BytesRead} of its content: {exception.Message}", "The API or a proxy before it sends something else than it says.", exception);
        }
        catch (Exception exception) when (HttpFailure.Of(exception, _api.Name, $"{Name}, after {BytesRead} bytes,", cancellationToken) is { } failure)
        {
            throw failure;
        }
    }
}
