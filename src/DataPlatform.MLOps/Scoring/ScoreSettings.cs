using DataPlatform.Warehouses;

namespace DataPlatform.MLOps;

/// <summary>What a scoring step was told.</summary>
internal sealed class ScoreSettings(string step, ModelReference model, Type scorer)
{
    public ModelReference Model { get; } = model;

    public Type Scorer { get; } = scorer;

    public SqlQuery Query { get; } = new() { Source = "" };

    public string Warehouse { get; set; } = "";

    public TableName? Table { get; set; }

    public IReadOnlyList<string> Keys { get; set; } = [];

    public string? Registry { get; set; }

    /// <summary>Whether everything needed was said.</summary>
    public void Validate()
    {
        if (Warehouse.Length > 0 && Table is not null) return;
        throw new DataPlatformException(
            FailureClass.Configuration,
            $"Scoring step '{step}' does not say where its rows {(Warehouse.Length > 0 ? "go" : "come from")}.",
            Warehouse.Length > 0 ? "Add .Into(\"schema.table\", \"key\", …)." : "Add .From(\"warehouse\", \"select …\").");
    }
}
