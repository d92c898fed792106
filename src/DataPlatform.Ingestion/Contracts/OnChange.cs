namespace DataPlatform.Ingestion;

/// <summary>What a load does when what it is to load differs from the table. The words are those of dlt's schema contracts.</summary>
public enum OnChange
{
    /// <summary>The table is changed, in the load's transaction.</summary>
    Evolve,

    /// <summary>The step fails before the first row; the message names every difference.</summary>
    Freeze,

    /// <summary>The table stays; rows that would need the change are rejected.</summary>
    DiscardRow,

    /// <summary>The table stays; values that would need the change are left out and the rest of their row is loaded.</summary>
    DiscardValue,
}
