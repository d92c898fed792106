using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>What a row transform was told.</summary>
internal sealed class TransformSettings<TInput, TOutput>(string step, Func<IAsyncEnumerable<TInput>, IAsyncEnumerable<TOutput?>> transform)
    where TInput : notnull where TOutput : class
{
    public Func<IAsyncEnumerable<TInput>, IAsyncEnumerable<TOutput?>> Transform { get; } = transform;

    public SqlQuery Query { get; } = new() { Source = "" };

    public string Warehouse { get; set; } = "";

    public TableName? Table { get; set; }

    /// <summary>Whether source and target were named.</summary>
    public void Validate()
    {
        if (Warehouse.Length > 0 && Table is not null) return;
        throw new DataPlatformException(
            FailureClass.Configuration,
            $"Transform '{step}' does not say where its rows {(Warehouse.Length > 0 ? "go" : "come from")}.",
            Warehouse.Length > 0 ? "Add .Into(\"schema.table\")." : "Add .From(\"warehouse\", \"select …\").");
    }
}
