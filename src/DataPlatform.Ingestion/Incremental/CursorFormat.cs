namespace DataPlatform.Ingestion;

/// <summary>How an API wants the value of a cursor in its query. Where a format is coarser than the value, a range is widened, never narrowed: rows outside of it are left out when they are read.</summary>
public enum CursorFormat
{
    /// <summary>Numbers in digits, dates as <c>2026-01-31</c>, timestamps as <c>2026-01-31T13:45:10.5</c>, with <c>Z</c> when they are of a time zone. The default.</summary>
    Plain,

    /// <summary>Dates and timestamps as <c>2026-01-31</c>.</summary>
    Date,

    /// <summary>Dates and timestamps as seconds since 1970, in UTC.</summary>
    UnixSeconds,

    /// <summary>Dates and timestamps as milliseconds since 1970, in UTC.</summary>
    UnixMilliseconds,
}
