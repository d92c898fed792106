using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.MLOps;

/// <summary>Says more about a training step: what it trains on and when a new version is promoted.</summary>
public sealed class TrainStepBuilder : QueryStepBuilder
{
    private readonly TrainSettings _settings;

    internal TrainStepBuilder(StepDefinition definition, TrainSettings settings) : base(definition, settings.Query) => _settings = settings;

    /// <summary>Trains on the rows of a query.</summary>
    /// <param name="warehouse">The warehouse's name.</param>
    /// <param name="sql">A SELECT, or the path of a file ending in <c>.sql</c> that holds one; see <see cref="SqlQuery"/>.</param>
    public TrainStepBuilder From(string warehouse, string sql)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(warehouse);
        ArgumentException.ThrowIfNullOrWhiteSpace(sql);
        _settings.Warehouse = warehouse;
        _settings.Query.Source = sql;
        Definition.Description = $"{warehouse} → {_settings.Model}";
        return this;
    }

    /// <summary>
    /// Compares versions by a metric of which less is better: a new one is promoted when there is no champion yet, or when it is no worse than the champion.
    /// A metric that is not a number never wins.
    /// </summary>
    public TrainStepBuilder Minimize(string metric) => Compare(metric, (candidate, champion) => candidate <= champion);

    /// <summary>As <see cref="Minimize"/>, by a metric of which more is better.</summary>
    public TrainStepBuilder Maximize(string metric) => Compare(metric, (candidate, champion) => candidate >= champion);

    /// <summary>Promotes a new version when there is no champion yet, or when a rule says so.</summary>
    /// <param name="rule">Is given the candidate and the champion.</param>
    public TrainStepBuilder PromoteWhen(Func<ModelVersion, ModelVersion, bool> rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        _settings.Metric = null;
        _settings.PromoteWhen = (candidate, champion) => champion is null || rule(candidate, champion);
        return this;
    }

    /// <summary>Uses the registry of this name; needed only when there is more than one.</summary>
    public TrainStepBuilder Registry(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        _settings.Registry = name;
        return this;
    }

    private TrainStepBuilder Compare(string metric, Func<double, double, bool> isNoWorse)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        _settings.Metric = metric;
        _settings.PromoteWhen = (candidate, champion) =>
            Find(candidate) is { } mine && (Find(champion) is not { } theirs || isNoWorse(mine, theirs));
        return this;

        double? Find(ModelVersion? version) =>
            version is not null && version.Metrics.TryGetValue(metric, out var value) && !double.IsNaN(value) ? value : null;
    }
}
