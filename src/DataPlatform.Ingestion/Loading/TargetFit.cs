using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Ledger;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Makes sure before the first row that rows of a contract fit into a table, or will once the table is changed as the load's modes allow.</summary>
internal sealed class TargetFit
{
    private readonly Schema _target;
    private readonly IngestSettings _settings;
    private readonly bool _inferred;
    private readonly List<string> _faults = [];

    private TargetFit(Schema target, IngestSettings settings, bool inferred) => (_target, _settings, _inferred) = (target, settings, inferred);

    private ContractModes Modes => _settings.Modes;

    /// <summary>Throws when what a merge or the folders of a landing zone need is not in the contract.</summary>
    public static void CheckColumns(Contract contract, IngestSettings settings)
    {
        settings.Merge?.Check(settings.Table, contract.Schema, settings.Source.Description);
        settings.Landing?.CheckPartitions(contract, settings.Source.Description);
    }

    /// <summary>
    /// The contract as the load uses it: keys are required, decimals whose digits were not chosen take the table's, and columns and types are those that the table has or
    /// is to have; see <see cref="Changes"/>.
    /// </summary>
    /// <exception cref="DataPlatformException">What a merge or the folders of a landing zone need is not in the contract, or the table differs in a way that the modes do not allow.</exception>
    public static Contract Adapt(Contract contract, Schema? target, IngestSettings settings)
    {
        if (target is null && settings.Modes.Tables == OnChange.Freeze)
        {
            throw new DataPlatformException(
                FailureClass.Data, $"There is no table {settings.Table}, and the contract does not let it be created.", "Create it, or let the load do it: leave out Tables(OnChange.Freeze).");
        }

        var adapted = contract.With(column => column.HasDefaultPrecision && Find(target, column.Name) is { } existing ? column.WithDigitsOf(existing) : column);
        if (settings.Modes.Types == OnChange.DiscardValue) adapted = adapted.With(column => column.WithValuesDiscarded());

        // A table that is replaced takes the contract's columns, unless they are said to be fixed.
        if (target is not null && (settings.Disposition != WriteDisposition.Replace || settings.Modes is { Columns: not (null or OnChange.Evolve) } or { Types: not (null or OnChange.Evolve) }))
            adapted = new TargetFit(target, settings, contract.IsInferred).Fit(adapted);

        CheckColumns(adapted, settings);
        return adapted.With(column => settings.Key.Contains(column.Name, StringComparer.Ordinal) ? column.AsRequired() : column);
    }

    /// <summary>What the table is to have before rows of the adapted contract are written, for people; empty when it has it.</summary>
    public static IReadOnlyList<string> Changes(Contract adapted, Schema target) =>
    [
        .. adapted.Schema.WithColumn(LoadTransaction.LoadIdColumn).FieldsList
            .Select(field => Find(target, field.Name) is not { } existing ? $"{field.Name} {ColumnTypeName.Of(field)} is added"
                : TypeChange.AreSame(existing, field) ? null : $"{field.Name} becomes {ColumnTypeName.Of(field)} from {ColumnTypeName.Of(existing)}")
            .OfType<string>(),
    ];

    /// <summary>Whether two descriptions of a table have the same columns.</summary>
    public static bool AreSame(Schema left, Schema right) =>
        left.FieldsList.Select(f => (f.Name, ColumnTypeName.Of(f))).SequenceEqual(right.FieldsList.Select(f => (f.Name, ColumnTypeName.Of(f))));

    private Contract Fit(Contract contract)
    {
        var columns = contract.Columns.Select(Fit).OfType<ContractColumn>().ToArray();
        var loadId = Find(_target, LoadTransaction.LoadIdColumn);
        if (loadId is null && Modes.Columns != OnChange.Evolve) _faults.Add($"it has no column {LoadTransaction.LoadIdColumn} (int64)");
        else if (loadId is not (null or { DataType: Int64Type })) _faults.Add($"column {LoadTransaction.LoadIdColumn} is {ColumnTypeName.Of(loadId)} there and int64 in every load");
        _faults.AddRange(MissingOfMerge());
        if (_faults.Count > 0)
        {
            throw new DataPlatformException(
                FailureClass.Data,
                $"Rows of {_settings.Source.Description} do not fit into {_settings.Table}: {string.Join("; ", _faults)}.",
                "Change the table or the contract so that they agree. New columns and wider types can be left to the load: load.Contract(c => c.Columns(OnChange.Evolve).Types(OnChange.Evolve)).");
        }

        return columns.Any(column => !column.IsAbsent)
            ? contract.With(columns)
            : throw new DataPlatformException(
                FailureClass.Data,
                $"{_settings.Source.Description} has no column that {_settings.Table} has: {string.Join(", ", contract.Columns.Select(c => c.Name))}.",
                "Load it into a table of its own.");
    }

    // The columns that say when a version holds are the table's alone, and no load adds them: for rows that are there they would have to be made up.
    private IEnumerable<string> MissingOfMerge()
    {
        foreach (var field in _settings.Merge?.ToTableSchema(new Schema([], metadata: null)).FieldsList ?? [])
        {
            if (Find(_target, field.Name) is not { } existing) yield return $"it has no column {field.Name} ({ColumnTypeName.Of(field)})";
            else if (!TypeChange.AreSame(existing, field)) yield return $"column {field.Name} is {ColumnTypeName.Of(existing)} there and {ColumnTypeName.Of(field)} in a history";
        }
    }

    // The column as it is loaded; null when it is not.
    private ContractColumn? Fit(ContractColumn column)
    {
        if (Find(_target, column.Name) is not { } existing) return FitNew(column);
        if (_inferred) return FitInferred(column, existing);
        if (TypeChange.AreSame(existing, column.Field)) return column;
        if (Modes.Types == OnChange.Evolve && TypeChange.Widen(existing, column.Field, Modes.ToText) is { } wide && (column.Field.DataType is StringType || wide.DataType is not StringType))
            return column.With(new Field(column.Name, wide.DataType, column.IsNullable, wide.Metadata));
        return Refuse(column, existing, "in the contract");
    }

    private ContractColumn? FitNew(ContractColumn column)
    {
        switch (Modes.Columns ?? (_inferred ? OnChange.DiscardValue : OnChange.Freeze))
        {
            case OnChange.Evolve when column.IsUnseen:
                // Its type would be a guess that later files are held to.
                return null;
            case OnChange.Evolve:
                return column;
            case OnChange.DiscardValue when _inferred:
                return null;
            case OnChange.DiscardRow when _inferred:
                return column.AsAbsent();
            default:
                _faults.Add($"it has no column {column.Name} ({ColumnTypeName.Of(column.Field)})");
                return null;
        }
    }

    // What a look at data found is less than what a table says: as long as the values can be read as the table's type, that is the type.
    private ContractColumn? FitInferred(ContractColumn column, Field existing)
    {
        var known = column.With(existing);
        if (column.IsUnseen || TypeChange.AreSame(existing, column.Field)) return known;
        var readable = TypeChange.IsReadableAs(column.Field, existing);
        return Modes.Types switch
        {
            OnChange.Evolve when TypeChange.Widen(existing, column.Narrowest, toText: Modes.ToText && !readable) is { } wide => column.With(wide),
            OnChange.Evolve or OnChange.Freeze when !readable => Refuse(column, existing, "in the source"),
            _ => known,
        };
    }

    private ContractColumn? Refuse(ContractColumn column, Field existing, string where)
    {
        _faults.Add($"column {column.Name} is {ColumnTypeName.Of(existing)} there and {ColumnTypeName.Of(column.Field)} {where}{(Modes.Types == OnChange.Evolve ? ", which would lose values" : "")}");
        return null;
    }

    private static Field? Find(Schema? schema, string name) => schema?.FieldsList.FirstOrDefault(f => f.Name == name);
}
