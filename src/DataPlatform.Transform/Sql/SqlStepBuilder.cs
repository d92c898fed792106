using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>Says more about a SQL step: what its query becomes.</summary>
public sealed class SqlStepBuilder : QueryStepBuilder
{
    private readonly SqlSettings _settings;

    internal SqlStepBuilder(StepDefinition definition, SqlSettings settings) : base(definition, settings.Query) => _settings = settings;

    /// <summary>Makes a table hold the query's result. Readers see the old table until the new one is whole.</summary>
    /// <param name="warehouse">The warehouse's name.</param>
    /// <param name="table">The table.</param>
    public SqlStepBuilder AsTable(string warehouse, TableName table) => Publish(warehouse, table, asView: false);

    /// <summary>Makes a view of the query, in place of the view or table of that name.</summary>
    /// <param name="warehouse">The warehouse's name.</param>
    /// <param name="view">The view.</param>
    public SqlStepBuilder AsView(string warehouse, TableName view) => Publish(warehouse, view, asView: true);

    private SqlStepBuilder Publish(string warehouse, TableName target, bool asView)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(warehouse);
        _settings.Warehouse = warehouse;
        _settings.Target = target;
        _settings.AsView = asView;
        Definition.Description = $"{warehouse}:{target} ({(asView ? "view" : "table")})";
        return this;
    }
}
