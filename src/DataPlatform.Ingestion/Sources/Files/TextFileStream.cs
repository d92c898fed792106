using System.IO.Compression;
using ZstdSharp;

namespace DataPlatform.Ingestion;

/// <summary>A text file as it is read forward: counted, decompressed by its name's extension, and what goes wrong on the way told with the file's name.</summary>
internal sealed class TextFileStream : ForwardStream
{
    private const int HeadBytes = 4096;
    private const int Utf8 = 65001;

    private readonly SourceFile _file;
    private readonly Stream _stored;
    private readonly Stream _content;
    private readonly GzipInput? _gzip;
    private byte[] _head = [];
    private int _headRead;
    private long _contentRead;
    private string _encoding;
    private Utf8Transcoder? _transcoder;

    /// <param name="file">The file.</param>
    /// <param name="stored">Its bytes in the store.</param>
    /// <param name="encoding">What it is in when it has no byte order mark; null for UTF-8.</param>
    public TextFileStream(SourceFile file, Stream stored, string? encoding)
    {
        _file = file;
        _encoding = encoding ?? "utf-8";
        _stored = stored;
        var counted = new CountingStream(file, stored);
        switch (Path.GetExtension(file.Key).ToUpperInvariant())
        {
            case ".GZ":
                _gzip = new GzipInput(counted);
                _content = new GZipStream(_gzip, CompressionMode.Decompress);
                break;
            case ".ZST" or ".ZSTD":
                _content = new DecompressionStream(counted, bufferSize: 0, checkEndOfStream: true, leaveOpen: false);
                break;
            default:
                _content = counted;
                break;
        }
    }

    /// <summary>Looks at how the file begins, and throws when no text does so.</summary>
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        var head = new byte[HeadBytes];
        var length = 0;
        for (int read; length < head.Length && (read = await ReadContentAsync(head.AsMemory(length), cancellationToken).ConfigureAwait(false)) > 0;) length += read;
        _head = head[..length];

        if (KindOf(_head) is var (kind, hint)) throw _file.Invalid($"is not text: it begins like {kind}.", hint);
        if (TextEncodings.FromMark(_head) is var (name, markLength)) (_encoding, _headRead) = (name, markLength);
        var encoding = TextEncodings.Find(_encoding);
        if (encoding.CodePage != Utf8)
        {
            _transcoder = new Utf8Transcoder(encoding);

            // In others than these every character has a byte that is not 0.
            if (encoding.CodePage is 1200 or 1201 or 12000 or 12001) return;
        }

        if (_head.IndexOf((byte)0) is >= 0 and var at)
            throw _file.Invalid($"is not text: byte {at} is 0.", "Check what was put there; text is read as UTF-8, or as UTF-16 when it has a byte order mark or CsvOptions.Encoding says so.");
    }

    /// <summary>Reads text, in UTF-8 and without byte order mark, whatever the file is in.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _transcoder is null ? ReadBytesAsync(buffer, cancellationToken) : _transcoder.ReadAsync(buffer, ReadBytesAsync, cancellationToken);

    private ValueTask<int> ReadBytesAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_headRead == _head.Length) return ReadContentAsync(buffer, cancellationToken);
        var count = Math.Min(buffer.Length, _head.Length - _headRead);
        _head.AsMemory(_headRead, count).CopyTo(buffer);
        _headRead += count;
        return new(count);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _content.Dispose();
            _stored.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadContentAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            var read = await _content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (read > 0 && _gzip is { IsAtEnd: true }) throw new EndOfStreamException("the file ends within it.");

            // Once more of the file is needed to know that nothing follows; if it is not asked for, something follows that is not gzip.
            if (read == 0 && buffer.Length > 0 && _gzip is { IsAtEnd: false }) throw new InvalidDataException("what follows is not gzip.");
            _contentRead += read;
            return read;
        }
        catch (Exception exception) when (exception is InvalidDataException or ZstdException or EndOfStreamException)
        {
            throw _file.Invalid(
                $"cannot be decompressed beyond byte {_contentRead} of its content: {exception.Message}",
                "The file is damaged or was cut off while it was written. Put it there again; nothing of it was loaded.",
                exception);
        }
    }

    private static (string Kind, string Hint)? KindOf(ReadOnlySpan<byte> head) =>
        head.StartsWith("PAR1"u8) ? ("a Parquet file", "Read it with From.Parquet.")
        : head.StartsWith("PK\x03\x04"u8) ? ("a ZIP archive or an Excel workbook", "Unpack it, or export the sheet as CSV.")
        : head.Length > 1 && head[0] == 0x1F && head[1] == 0x8B ? ("a gzip file", "Give it the extension .gz.")
        : head.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]) ? ("a Zstandard file", "Give it the extension .zst.")
        : head.StartsWith("%PDF"u8) ? ("a PDF document", "Check what was put there.")
        : null;

    /// <summary>Counts what is read from the store, which is what progress is measured in.</summary>
    private sealed class CountingStream(SourceFile file, Stream inner) : ForwardStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            file.BytesRead += read;
            return read;
        }
    }
}
