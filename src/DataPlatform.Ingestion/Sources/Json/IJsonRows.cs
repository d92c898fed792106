namespace DataPlatform.Ingestion;

/// <summary>Cuts a text into JSON values that are to be rows, without copying those that the buffer has whole.</summary>
internal interface IJsonRows
{
    /// <summary>What a row is in this text, for messages: a line, an element.</summary>
    string RowNoun { get; }

    /// <summary>The number of the row that <see cref="TryTake"/> gave, from 1.</summary>
    long Position { get; }

    /// <summary>Gives the next row if the buffer has it. It is valid until the next <see cref="FillAsync"/>.</summary>
    bool TryTake(out ReadOnlySpan<byte> row);

    /// <summary>Reads on; false when there is no further row.</summary>
    /// <exception cref="DataPlatformException">A row is too long, or the text is not what it should be.</exception>
    ValueTask<bool> FillAsync(CancellationToken cancellationToken);
}
