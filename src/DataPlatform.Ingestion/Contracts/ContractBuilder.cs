namespace DataPlatform.Ingestion;

/// <summary>Says what a load does when what it is to load differs from the table. What is not said stays as <c>docs/ingestion.md</c> has it.</summary>
public sealed class ContractBuilder
{
    internal ContractBuilder()
    {
    }

    internal ContractModes Modes { get; private set; } = ContractModes.Default;

    /// <summary>What happens when the table is missing: <see cref="OnChange.Evolve"/>, the default, creates it, <see cref="OnChange.Freeze"/> fails.</summary>
    /// <param name="mode">One of these two: there is no row or value that could be left out instead.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is another.</exception>
    public ContractBuilder Tables(OnChange mode)
    {
        if (mode is not (OnChange.Evolve or OnChange.Freeze)) throw new ArgumentOutOfRangeException(nameof(mode), mode, "A missing table can be created (Evolve) or fail the step (Freeze).");
        Modes = Modes with { Tables = mode };
        return this;
    }

    /// <summary>
    /// What happens to a column that the table does not have: one of the contract, or, where columns are found by looking, one of the source. By default the first
    /// fails the step and the second is left out.
    /// </summary>
    /// <param name="mode">Added columns may be NULL. The discarding modes are for columns that are found by looking.</param>
    public ContractBuilder Columns(OnChange mode)
    {
        Modes = Modes with { Columns = mode };
        return this;
    }

    /// <summary>
    /// What happens when a column has another type than the table's. <see cref="OnChange.Evolve"/> widens the table's where nothing is lost: to an integer with more bytes, to
    /// double, to a decimal with more digits, from integers to the decimals and doubles that hold all of them. A change that is none of these fails the step.
    /// </summary>
    /// <param name="mode">The discarding modes are about values that cannot be read as the column's type.</param>
    /// <param name="toText">Whether a change that is no widening makes the column text. For <see cref="OnChange.Evolve"/>.</param>
    public ContractBuilder Types(OnChange mode, bool toText = false)
    {
        if (toText && mode != OnChange.Evolve) throw new ArgumentException("Only a type that may evolve can become text.", nameof(toText));
        Modes = Modes with { Types = mode, ToText = toText };
        return this;
    }
}

/// <summary>How a load deals with differences between what it is to load and its table. Null is the default, which depends on whether the columns were declared.</summary>
internal sealed record ContractModes(OnChange Tables, OnChange? Columns, OnChange? Types, bool ToText)
{
    public static ContractModes Default { get; } = new(OnChange.Evolve, null, null, false);
}
