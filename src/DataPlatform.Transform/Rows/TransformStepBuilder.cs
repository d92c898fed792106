using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>Says more about a row transform: where its rows come from and where they go.</summary>
/// <typeparam name="TInput">A row of the query.</typeparam>
/// <typeparam name="TOutput">A row of the table.</typeparam>
public sealed class TransformStepBuilder<TInput, TOutput> : QueryStepBuilder where TInput : notnull where TOutput : class
{
    private readonly TransformSettings<TInput, TOutput> _settings;

    internal TransformStepBuilder(StepDefinition definition, TransformSettings<TInput, TOutput> settings) : base(definition, settings.Query) => _settings = settings;

    /// <summary>Transforms the rows of a query.</summary>
    /// <param name="warehouse">The warehouse's name; the table is in it too.</param>
    /// <param name="sql">A SELECT, or the path of a file ending in <c>.sql</c> that holds one; see <see cref="SqlQuery"/>.</param>
    public TransformStepBuilder<TInput, TOutput> From(string warehouse, string sql)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(warehouse);
        ArgumentException.ThrowIfNullOrWhiteSpace(sql);
        _settings.Warehouse = warehouse;
        _settings.Query.Source = sql;
        return Describe();
    }

    /// <summary>Makes a table hold exactly the transformed rows. Readers see the old rows until all new ones are there.</summary>
    /// <param name="table">The table; created when missing.</param>
    public TransformStepBuilder<TInput, TOutput> Into(TableName table)
    {
        _settings.Table = table;
        return Describe();
    }

    private TransformStepBuilder<TInput, TOutput> Describe()
    {
        Definition.Description = $"{_settings.Warehouse}:{_settings.Table} ({typeof(TInput).Name} → {typeof(TOutput).Name})";
        return this;
    }
}
