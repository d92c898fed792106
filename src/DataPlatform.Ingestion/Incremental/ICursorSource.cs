namespace DataPlatform.Ingestion;

/// <summary>A source that may go on by a cursor.</summary>
internal interface ICursorSource : ISource
{
    /// <summary>How it goes on, or null when it reads all each time.</summary>
    IncrementalCursor? Cursor { get; }

    /// <summary>The order of the cursor in which rows come, or null for none.</summary>
    RowOrder? Order { get; }
}
