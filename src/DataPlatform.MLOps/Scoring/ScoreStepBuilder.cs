using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.MLOps;

/// <summary>Says more about a scoring step: what it scores and where the scored rows go.</summary>
public sealed class ScoreStepBuilder : QueryStepBuilder
{
    private readonly ScoreSettings _settings;

    internal ScoreStepBuilder(StepDefinition definition, ScoreSettings settings) : base(definition, settings.Query) => _settings = settings;

    /// <summary>Scores the rows of a query.</summary>
    /// <param name="warehouse">The warehouse's name; the scored rows go there too.</param>
    /// <param name="sql">A SELECT, or the path of a file ending in <c>.sql</c> that holds one; see <see cref="SqlQuery"/>.</param>
    public ScoreStepBuilder From(string warehouse, string sql)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(warehouse);
        ArgumentException.ThrowIfNullOrWhiteSpace(sql);
        _settings.Warehouse = warehouse;
        _settings.Query.Source = sql;
        return this;
    }

    /// <summary>Writes the scored rows to a table.</summary>
    /// <param name="table">The table; created when missing.</param>
    /// <param name="keys">Columns that identify a row: rows with the same key are replaced and the others stay. None: the table is replaced as a whole.</param>
    public ScoreStepBuilder Into(TableName table, params IReadOnlyList<string> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        _settings.Table = table;
        _settings.Keys = [.. keys];
        Definition.Description = $"{_settings.Model} → {table} ({(keys.Count > 0 ? "merge" : "replace")})";
        return this;
    }

    /// <summary>Uses the registry of this name; needed only when there is more than one.</summary>
    public ScoreStepBuilder Registry(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        _settings.Registry = name;
        return this;
    }
}
