namespace DataPlatform.Ingestion;

/// <summary>In which order of their cursor a source gives its rows. Rows that have the same may come in any order.</summary>
public enum RowOrder
{
    /// <summary>The oldest first.</summary>
    Ascending,

    /// <summary>The newest first.</summary>
    Descending,
}
