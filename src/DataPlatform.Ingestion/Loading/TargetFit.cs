using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Ledger;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Makes sure before the first row that rows of a contract fit into a table.</summary>
internal static class TargetFit
{
    /// <summary>The contract as the load uses it: keys are required, and decimals whose digits were not chosen take the table's.</summary>
    /// <exception cref="DataPlatformException">A key is not in the contract, or the table lacks a column or has it with another type.</exception>
    public static Contract Adapt(Contract contract, Schema? target, IngestSettings settings)
    {
        foreach (var key in settings.Key.Where(key => contract.IndexOf(key) < 0))
        {
            throw new DataPlatformException(
                FailureClass.Configuration,
                $"The merge into {settings.Table} has the key '{key}', which {settings.Source.Description} does not have.",
                $"Its columns are: {string.Join(", ", contract.Columns.Select(c => c.Name))}.");
        }

        var adapted = contract.With(column =>
        {
            var required = settings.Key.Contains(column.Name, StringComparer.Ordinal) ? column.AsRequired() : column;
            return column.HasDefaultPrecision && Find(target, column.Name)?.DataType is Decimal128Type digits ? required.With(digits) : required;
        });

        // A table that is replaced takes the contract's columns.
        if (target is not null && settings.Disposition != WriteDisposition.Replace) Check(adapted, target, settings);
        return adapted;
    }

    private static void Check(Contract contract, Schema target, IngestSettings settings)
    {
        var faults = new List<string>();
        foreach (var field in contract.Schema.WithColumn(LoadTransaction.LoadIdColumn).FieldsList)
        {
            if (Find(target, field.Name) is not { } existing) faults.Add($"it has no column {field.Name} ({ColumnTypeName.Of(field)})");
            else if (ColumnTypeName.Of(existing) != ColumnTypeName.Of(field)) faults.Add($"column {field.Name} is {ColumnTypeName.Of(existing)} there and {ColumnTypeName.Of(field)} in the contract");
        }

        if (faults.Count > 0)
        {
            throw new DataPlatformException(
                FailureClass.Data,
                $"Rows of {settings.Source.Description} do not fit into {settings.Table}: {string.Join("; ", faults)}.",
                "Change the table or the contract so that they agree.");
        }
    }

    private static Field? Find(Schema? schema, string name) => schema?.FieldsList.FirstOrDefault(f => f.Name == name);
}
