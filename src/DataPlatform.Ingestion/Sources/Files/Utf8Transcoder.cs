using System.Text;

namespace DataPlatform.Ingestion;

/// <summary>Makes UTF-8 of text in another encoding, piece by piece. Bytes that are no text in it become one that is none in UTF-8, so that their row is rejected.</summary>
internal sealed class Utf8Transcoder(Encoding encoding)
{
    private const byte NoText = 0xFF;

    // A noncharacter: Unicode promises that no text has it.
    private const string Mark = "\uFFFF";
    private const int MarkBytes = 3;
    private const int PieceBytes = 16 * 1024;

    private readonly Decoder _decoder = Strict(encoding).GetDecoder();
    private readonly Encoder _encoder = Encoding.UTF8.GetEncoder();
    private readonly char[] _chars = new char[encoding.GetMaxCharCount(PieceBytes)];
    private readonly byte[] _input = new byte[PieceBytes];
    private byte[] _output = [];
    private int _start, _end;

    /// <summary>Reads from what <paramref name="read"/> gives; 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, Func<Memory<byte>, CancellationToken, ValueTask<int>> read, CancellationToken cancellationToken)
    {
        while (_start == _end)
        {
            var count = await read(_input, cancellationToken).ConfigureAwait(false);
            Convert(_input.AsSpan(0, count), flush: count == 0);
            if (count == 0 && _end == 0) return 0;
        }

        var length = Math.Min(buffer.Length, _end - _start);
        _output.AsMemory(_start, length).CopyTo(buffer);
        _start += length;
        return length;
    }

    private static Encoding Strict(Encoding encoding)
    {
        var strict = (Encoding)encoding.Clone();
        strict.DecoderFallback = new DecoderReplacementFallback(Mark);
        return strict;
    }

    private void Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = _chars.AsSpan(0, _decoder.GetChars(bytes, _chars, flush));
        var most = Encoding.UTF8.GetMaxByteCount(chars.Length);
        if (_output.Length < most) _output = new byte[most];
        (_start, _end) = (0, _encoder.GetBytes(chars, _output, flush));
        if (!chars.Contains(Mark[0])) return;

        var written = 0;
        for (var i = 0; i < _end; i++)
        {
            var isMark = _end - i >= MarkBytes && _output[i] == 0xEF && _output[i + 1] == 0xBF && _output[i + 2] == 0xBF;
            _output[written++] = isMark ? NoText : _output[i];
            if (isMark) i += MarkBytes - 1;
        }

        _end = written;
    }
}
