namespace DataPlatform.Ingestion;

/// <summary>Rows of JSON Lines: a value a line.</summary>
internal sealed class JsonLineRows(TextWindow window, ISourceText text, int maxRowBytes) : IJsonRows
{
    private int _searched;

    public string RowNoun => "line";

    public long Position { get; private set; }

    public bool TryTake(out ReadOnlySpan<byte> row)
    {
        var unread = window.Unread;
        var length = unread[_searched..].IndexOf((byte)'\n');
        if (length >= 0)
        {
            length += _searched;
        }
        else if (window.IsAtEnd && !unread.IsEmpty)
        {
            length = unread.Length;
        }
        else
        {
            _searched = unread.Length;
            row = default;
            return false;
        }

        if (length > maxRowBytes) throw TooLong();
        row = unread[..length];
        if (row.EndsWith("\r"u8)) row = row[..^1];
        window.Advance(Math.Min(length + 1, unread.Length));
        _searched = 0;
        Position++;
        return true;
    }

    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (window.IsAtEnd) return false;
        if (window.Unread.Length > maxRowBytes) throw TooLong();
        await window.FillAsync(cancellationToken).ConfigureAwait(false);
        return window.Unread.Length > 0;
    }

    private DataPlatformException TooLong() =>
        text.Invalid($"has more than {maxRowBytes} bytes in line {Position + 1}.", "Rows that are meant to be that long need a larger JsonOptions.MaxRowBytes.");
}
