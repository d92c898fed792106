namespace DataPlatform.Ingestion;

/// <summary>What becomes of rows whose cursor is NULL: nothing says whether they are new.</summary>
public enum NullCursors
{
    /// <summary>The load fails. The default.</summary>
    Raise,

    /// <summary>They are read, each time anew: merge them.</summary>
    Include,

    /// <summary>They are left out.</summary>
    Exclude,
}
