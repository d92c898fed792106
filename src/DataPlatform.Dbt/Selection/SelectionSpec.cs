namespace DataPlatform.Dbt.Selection;

/// <summary>When a test is selected because of what it tests.</summary>
internal enum IndirectSelection
{
    /// <summary>When any of it is selected.</summary>
    Eager,

    /// <summary>When all of it is selected.</summary>
    Cautious,

    /// <summary>When all of it is selected or an ancestor of what is.</summary>
    Buildable,

    /// <summary>Never.</summary>
    Empty,
}

internal enum SetOperator
{
    Union, Intersection, Difference,
}

/// <summary>What is to be selected.</summary>
internal abstract record SelectionSpec;

/// <summary>Every node there is.</summary>
internal sealed record EverySpec : SelectionSpec;

/// <param name="Operator">How the parts are put together. The difference is that of the first and all others.</param>
/// <param name="Parts">At least one.</param>
/// <param name="Indirect">How tests of which no part selects enough are treated.</param>
/// <param name="WarnAs">The name under which a warning is given when nothing is selected, or null for none.</param>
internal sealed record GroupSpec(SetOperator Operator, IReadOnlyList<SelectionSpec> Parts, IndirectSelection Indirect, string? WarnAs = null) : SelectionSpec;

/// <summary>One method with its value, and the relatives that come along.</summary>
internal sealed record Criterion : SelectionSpec
{
    public required string Method { get; init; }

    /// <summary>What follows the method after a dot: <c>config.meta.owner</c>.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    public required string Value { get; init; }

    /// <summary>Where it is written, for messages.</summary>
    public required string Place { get; init; }

    public bool WithParents { get; init; }

    /// <summary>Null for all ancestors.</summary>
    public int? ParentsDepth { get; init; }

    public bool WithChildren { get; init; }

    /// <summary>Null for all descendants.</summary>
    public int? ChildrenDepth { get; init; }

    /// <summary>With all descendants and all that those depend on.</summary>
    public bool WithChildrensParents { get; init; }

    public IndirectSelection Indirect { get; init; }

    public DataPlatformException Fault(string problem, string? hint = null) => new(FailureClass.Configuration, $"{Place}: {problem}", hint);
}
