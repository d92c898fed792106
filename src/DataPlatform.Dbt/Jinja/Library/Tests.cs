namespace DataPlatform.Dbt.Jinja;

/// <summary>Jinja's tests: <c>value is name</c>.</summary>
internal static class Tests
{
    private const long LastSharedNumber = 256;

    private static readonly Dictionary<string, Func<CallArguments, object?>> All = new(StringComparer.Ordinal)
    {
        ["boolean"] = Of("boolean", value => value is bool),
        ["callable"] = Of("callable", value => value is JinjaObject { IsCallable: true }),
        ["defined"] = Of("defined", value => value is not Undefined),
        ["divisibleby"] = Signature.Of("divisibleby value num", (_, a) => Operations.AreEqual(Operations.Calculate("%", a[0], a[1]), 0L)),
        ["escaped"] = Of("escaped", value => value is Markup),
        ["even"] = Of("even", value => Operations.AreEqual(Operations.Calculate("%", value, 2L), 0L)),
        ["false"] = Of("false", value => value is false),
        ["filter"] = Signature.Of("filter value", (run, a) => Operations.AsText(a[0]) is { } name && (run.Environment.FindFilter(name) is not null || Filters.IsUnsupported(name))),
        ["float"] = Of("float", value => value is double),
        ["in"] = Signature.Of("in value seq", (_, a) => Operations.Contains(a[1], a[0])),
        ["integer"] = Of("integer", value => value is long or System.Numerics.BigInteger),
        ["iterable"] = Of("iterable", value => value is string || (value as JinjaObject)?.Iterate() is not null),
        ["lower"] = Of("lower", value => StringMethods.IsCased(Representation.Print(value), char.IsLower, char.IsUpper)),
        ["mapping"] = Of("mapping", value => value is JinjaObject { IsMapping: true }),
        ["none"] = Of("none", value => value is null),
        ["number"] = Of("number", Numbers.IsNumber),
        ["odd"] = Of("odd", value => Operations.AreEqual(Operations.Calculate("%", value, 2L), 1L)),
        ["sameas"] = Signature.Of("sameas value other", (_, a) => AreSame(a[0], a[1])),
        ["sequence"] = Of("sequence", value => value is string or JinjaObject { IsSequence: true }),
        ["string"] = Of("string", value => value is string or Markup),
        ["test"] = Of("test", value => Operations.AsText(value) is { } name && Find(name) is not null),
        ["true"] = Of("true", value => value is true),
        ["undefined"] = Of("undefined", value => value is Undefined),
        ["upper"] = Of("upper", value => StringMethods.IsCased(Representation.Print(value), char.IsUpper, char.IsLower)),
        ["eq"] = Comparison("eq", Operations.AreEqual),
        ["ne"] = Comparison("ne", (a, b) => !Operations.AreEqual(a, b)),
        ["lt"] = Comparison("lt", (a, b) => Operations.Compare("<", a, b)),
        ["le"] = Comparison("le", (a, b) => Operations.Compare("<=", a, b)),
        ["gt"] = Comparison("gt", (a, b) => Operations.Compare(">", a, b)),
        ["ge"] = Comparison("ge", (a, b) => Operations.Compare(">=", a, b)),
    };

    private static readonly Dictionary<string, string> OtherNames = new(StringComparer.Ordinal)
    {
        ["=="] = "eq",
        ["equalto"] = "eq",
        ["!="] = "ne",
        [">"] = "gt",
        ["greaterthan"] = "gt",
        [">="] = "ge",
        ["<"] = "lt",
        ["lessthan"] = "lt",
        ["<="] = "le",
    };

    public static Func<CallArguments, object?>? Find(string name) => All.GetValueOrDefault(OtherNames.GetValueOrDefault(name, name));

    private static Func<CallArguments, object?> Of(string name, Func<object?, bool> holds) => Signature.Of($"{name} value", (_, a) => holds(a[0]));

    private static Func<CallArguments, object?> Comparison(string name, Func<object?, object?, bool> holds) => Signature.Of($"{name} value other", (_, a) => holds(a[0], a[1]));

    /// <summary>Python's <c>is</c>. Which equal texts and large numbers are one object is not known outside of it.</summary>
    private static bool AreSame(object? a, object? b)
    {
        if (a is null or bool or JinjaObject || b is null or bool or JinjaObject) return a is bool x && b is bool y ? x == y : ReferenceEquals(a, b);
        if (a.GetType() != b.GetType() || !Operations.AreEqual(a, b)) return false;
        return ReferenceEquals(a, b) || a is >= -5L and <= LastSharedNumber
            ? true
            : throw new TemplateError("Whether two equal values are the same object is not known here.", "Compare with ==.");
    }
}
