using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>What a SQL step was told.</summary>
internal sealed class SqlSettings(string step, string sql)
{
    public SqlQuery Query { get; } = new() { Source = sql };

    public string Warehouse { get; set; } = "";

    public TableName Target { get; set; }

    public bool AsView { get; set; }

    /// <summary>Whether a target was named.</summary>
    public void Validate()
    {
        if (Warehouse.Length > 0) return;
        throw new DataPlatformException(
            FailureClass.Configuration,
            $"SQL step '{step}' does not say what its result becomes.",
            "Add .AsTable(\"warehouse\", \"schema.table\") or .AsView(…).");
    }
}
