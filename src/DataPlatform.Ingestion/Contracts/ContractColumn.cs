using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>One column of a <see cref="Contract"/>: its name, type, and what its values must be like.</summary>
public sealed class ContractColumn
{
    /// <summary>Defines a column.</summary>
    /// <param name="field">Its name and type, one of <see cref="ColumnTypes"/>, and whether it may be NULL.</param>
    /// <param name="sourceName">What the source calls it, when that is not the column's name.</param>
    /// <param name="constraints">What its values must be like.</param>
    /// <exception cref="DataPlatformException">A constraint cannot be checked on a column of this type.</exception>
    public ContractColumn(Field field, string? sourceName = null, params IReadOnlyList<ColumnConstraint> constraints)
    {
        ArgumentNullException.ThrowIfNull(field);
        ArgumentNullException.ThrowIfNull(constraints);
        Field = field;
        SourceName = sourceName ?? field.Name;
        Constraints = constraints;
        ColumnBuilder.Create(this);
    }

    /// <summary>The column as Arrow has it.</summary>
    public Field Field { get; }

    /// <summary>The column's name in the table.</summary>
    public string Name => Field.Name;

    /// <summary>What the source calls it. Compared after both names are put into snake case.</summary>
    public string SourceName { get; }

    /// <summary>Whether a row may have no value in it.</summary>
    public bool IsNullable => Field.IsNullable;

    /// <summary>What its values must be like.</summary>
    public IReadOnlyList<ColumnConstraint> Constraints { get; }

    /// <summary>Whether the type is a decimal whose digits were not chosen, so that an existing table's may be taken.</summary>
    internal bool HasDefaultPrecision { get; init; }

    /// <summary>Whether it was looked for and no value was found, so that its type is a guess.</summary>
    internal bool IsUnseen { get; init; }

    /// <summary>The column with the narrowest type that holds what was seen of it.</summary>
    internal Field Narrowest
    {
        get => field ?? Field;
        init;
    }

    /// <summary>Whether the table lacks it and no row may have a value in it.</summary>
    internal bool IsAbsent { get; private init; }

    /// <summary>Whether a value that cannot be read as the type becomes NULL, where that is allowed.</summary>
    internal bool DiscardsValues { get; private init; }

    /// <summary>The same with another type or nullability. Rules go with it: their values are put into the form of the new type.</summary>
    internal ContractColumn With(Field field) => Copy(field, [.. Constraints.Select(constraint => constraint.For((ColumnTypes.ElementOf(field) ?? field).DataType))], IsAbsent, DiscardsValues);

    /// <summary>The same with the digits of a column of decimals, or of lists of them, when that is what both are.</summary>
    internal ContractColumn WithDigitsOf(Field other)
    {
        var elements = ColumnTypes.ElementOf(Field);
        if ((elements is null ? other : ColumnTypes.ElementOf(other))?.DataType is not Decimal128Type digits) return this;
        return With(elements is null
            ? new Field(Name, digits, IsNullable)
            : ColumnTypes.List(Name, new Field(Name, digits, elements.IsNullable), IsNullable));
    }

    internal ContractColumn AsRequired() => IsNullable ? Copy(new Field(Name, Field.DataType, false, Field.Metadata), Constraints, IsAbsent, DiscardsValues) : this;

    internal ContractColumn AsAbsent() => Copy(Field, Constraints, absent: true, DiscardsValues);

    internal ContractColumn WithValuesDiscarded() => Copy(Field, Constraints, IsAbsent, discardsValues: true);

    private ContractColumn Copy(Field field, IReadOnlyList<ColumnConstraint> constraints, bool absent, bool discardsValues) => new(field, SourceName, constraints)
    {
        HasDefaultPrecision = HasDefaultPrecision,
        IsUnseen = IsUnseen,
        Narrowest = Narrowest,
        IsAbsent = absent,
        DiscardsValues = discardsValues,
    };

    /// <summary>The column in one canonical text: <c>fare decimal(8,2) not null, at least 0</c>.</summary>
    public override string ToString()
    {
        var type = IsAbsent ? "absent" : ColumnTypeName.Of(Field);
        var elements = ColumnTypes.ElementOf(Field) is { IsNullable: false } ? " of elements not null" : "";
        return string.Join(", ", Constraints.Select(c => c.ToString()).Prepend($"{Name} {type}{elements}{(IsNullable ? "" : " not null")}"));
    }
}
