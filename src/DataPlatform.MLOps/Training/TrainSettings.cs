using DataPlatform.Warehouses;

namespace DataPlatform.MLOps;

/// <summary>What a training step was told.</summary>
internal sealed class TrainSettings(string step, string model, Type trainer)
{
    public string Model { get; } = EntityName.Validate(model, "model");

    public Type Trainer { get; } = trainer;

    public SqlQuery Query { get; } = new() { Source = "" };

    public string Warehouse { get; set; } = "";

    public string? Registry { get; set; }

    /// <summary>The metric by which versions are compared, when a metric alone decides.</summary>
    public string? Metric { get; set; }

    /// <summary>Whether a candidate is promoted over the champion, which is null when there is none.</summary>
    public Func<ModelVersion, ModelVersion?, bool>? PromoteWhen { get; set; }

    /// <summary>Whether everything needed was said.</summary>
    public void Validate()
    {
        if (Warehouse.Length == 0)
            throw new DataPlatformException(FailureClass.Configuration, $"Training step '{step}' does not say what it trains on.", "Add .From(\"warehouse\", \"select …\").");
        if (PromoteWhen is null)
        {
            throw new DataPlatformException(
                FailureClass.Configuration,
                $"Training step '{step}' does not say when a new version takes the place of the one in use.",
                "Add .Minimize(\"rmse\"), .Maximize(\"r2\") or .PromoteWhen(…).");
        }
    }
}
