using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>One rule about a table.</summary>
/// <param name="Name">The rule, for people and records: <c>not null: station_id</c>.</param>
/// <param name="Columns">The columns it needs.</param>
internal abstract record TableCheck(string Name, IReadOnlyList<string> Columns)
{
    public bool WarnOnly { get; init; }
}

/// <summary>No row meets the condition.</summary>
internal sealed record ConditionCheck(string Name, string Column, string BrokenWhen) : TableCheck(Name, [Column]);

/// <summary>No two rows have the same key.</summary>
internal sealed record UniqueCheck(string Name, IReadOnlyList<string> Columns) : TableCheck(Name, Columns);

/// <summary>The number of rows is within bounds.</summary>
internal sealed record RowCountCheck(string Name, long? Min, long? Max) : TableCheck(Name, []);

/// <summary>The newest value is not too old.</summary>
internal sealed record FreshnessCheck(string Name, string Column, TimeSpan MaxAge) : TableCheck(Name, [Column]);

/// <summary>A query finds nothing.</summary>
internal sealed record QueryCheck(string Name, SqlQuery Query) : TableCheck(Name, []);
