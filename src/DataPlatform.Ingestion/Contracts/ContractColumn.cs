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

    internal ContractColumn With(IArrowType type) => new(new Field(Name, type, IsNullable, Field.Metadata), SourceName, Constraints);

    internal ContractColumn AsRequired() => IsNullable
        ? new ContractColumn(new Field(Name, Field.DataType, false, Field.Metadata), SourceName, Constraints) { HasDefaultPrecision = HasDefaultPrecision }
        : this;

    /// <summary>The column in one canonical text: <c>fare decimal(8,2) not null, at least 0</c>.</summary>
    public override string ToString() =>
        string.Join(", ", Constraints.Select(c => c.ToString()).Prepend($"{Name} {ColumnTypeName.Of(Field)}{(IsNullable ? "" : " not null")}"));
}
