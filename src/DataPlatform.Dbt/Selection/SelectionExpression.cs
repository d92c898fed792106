using System.Globalization;
using System.Text.RegularExpressions;

namespace DataPlatform.Dbt.Selection;

/// <summary>Reads what <c>--select</c> and <c>--exclude</c> are given.</summary>
internal static partial class SelectionExpression
{
    private static readonly string[] CodeFiles = [".sql", ".py", ".csv"];

    /// <param name="select">Null or empty for all nodes.</param>
    /// <param name="exclude">Null or empty for none.</param>
    /// <param name="indirect">How tests are selected.</param>
    /// <exception cref="DataPlatformException">An expression is malformed.</exception>
    public static SelectionSpec Parse(IReadOnlyList<string>? select, IReadOnlyList<string>? exclude, IndirectSelection indirect)
    {
        SelectionSpec included = select is null or [] ? new EverySpec() : Union("--select", select, indirect);
        return exclude is null or [] ? included : new GroupSpec(SetOperator.Difference, [included, Union("--exclude", exclude, indirect)], indirect);
    }

    /// <summary>Reads a single criterion with its graph operators.</summary>
    public static Criterion Criterion(string text, string place, IndirectSelection indirect)
    {
        var match = CriterionPattern().Match(text);
        var value = match.Groups["value"].Value;
        var prefix = match.Groups["method"];
        var method = prefix.Success ? prefix.Value.Split('.') : [DefaultMethod(value)];
        var criterion = new Criterion
        {
            Method = method[0],
            Arguments = method[1..],
            Value = value,
            Place = place,
            Indirect = indirect,
            WithChildrensParents = match.Groups["childrens"].Success,
            WithParents = match.Groups["parents"].Success,
            ParentsDepth = Depth(match.Groups["up"], place),
            WithChildren = match.Groups["children"].Success,
            ChildrenDepth = Depth(match.Groups["down"], place),
        };
        if (value.Length == 0) throw criterion.Fault($"'{text}' names nothing to select.", "Write a name, or a method with its value: tag:nightly.");
        if (!prefix.Success && value.Contains(':', StringComparison.Ordinal))
            throw criterion.Fault($"'{value[..value.IndexOf(':', StringComparison.Ordinal)]}' in '{text}' is not a selection method.", SelectionMethods.Known);
        if (criterion.Method == SelectionMethods.Fqn && value.AsSpan().ContainsAny('+', '@'))
            throw criterion.Fault($"'{text}' has graph operators that do not go together.", "Write '@name', '+name', '2+name', 'name+', 'name+2' or '2+name+3'.");
        return Checked(criterion, text);
    }

    /// <summary>Refuses what is wrong in any notation.</summary>
    public static Criterion Checked(Criterion criterion, string text)
    {
        if (criterion is { WithChildrensParents: true, WithChildren: true })
            throw criterion.Fault($"'{text}' has both '@' and '+' behind it, which do not go together.", "Take the '+' away: '@' selects the descendants already.");
        SelectionMethods.Check(criterion);
        return criterion;
    }

    private static GroupSpec Union(string option, IReadOnlyList<string> expressions, IndirectSelection indirect)
    {
        var parts = new List<SelectionSpec>();
        foreach (var expression in expressions)
        {
            foreach (Match word in Word().Matches(expression))
            {
                var criteria = new List<SelectionSpec>();
                var at = word.Index;
                foreach (var text in word.Value.Split(','))
                {
                    var place = string.Create(CultureInfo.InvariantCulture, $"{option} '{expression}', character {at + 1}");
                    if (text.Length == 0)
                        throw new DataPlatformException(FailureClass.Configuration, $"{place}: a comma has nothing on one side of it.", "Commas intersect ('tag:a,tag:b'), spaces unite ('tag:a tag:b').");
                    criteria.Add(Criterion(text, place, indirect));
                    at += text.Length + 1;
                }

                parts.Add(new GroupSpec(SetOperator.Intersection, criteria, indirect, word.Value));
            }
        }

        return parts.Count > 0
            ? new GroupSpec(SetOperator.Union, parts, indirect)
            : throw new DataPlatformException(FailureClass.Configuration, $"{option} '{string.Join(' ', expressions)}': there is no expression in it.", $"Write what to select, or leave {option} out.");
    }

    private static string DefaultMethod(string value) =>
        value.Contains('/', StringComparison.Ordinal) ? SelectionMethods.Path
        : CodeFiles.Any(extension => value.EndsWith(extension, StringComparison.OrdinalIgnoreCase)) ? SelectionMethods.File
        : SelectionMethods.Fqn;

    private static int? Depth(Group digits, string place) => digits.Length == 0 ? null
        : int.TryParse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var depth) ? depth
        : throw new DataPlatformException(FailureClass.Configuration, $"{place}: the depth {digits.Value} is too large.", "Leave the number out to go all the way.");

    [GeneratedRegex(@"\A(?<childrens>@)?(?<parents>(?<up>[0-9]*)\+)?(?:(?<method>[\w.]+):)?(?<value>.*?)(?<children>\+(?<down>[0-9]*))?\z", RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
    private static partial Regex CriterionPattern();

    [GeneratedRegex(@"\S+")]
    private static partial Regex Word();
}
