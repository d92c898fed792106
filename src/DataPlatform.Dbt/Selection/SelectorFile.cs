using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Selection;

/// <summary>The named selections of <c>selectors.yml</c>.</summary>
internal sealed class SelectorFile
{
    private readonly Dictionary<string, SelectionSpec> _selectors = new(StringComparer.Ordinal);
    private readonly string _file;
    private readonly IndirectSelection _indirect;

    private SelectorFile(string file, IndirectSelection indirect) => (_file, _indirect) = (file, indirect);

    /// <summary>What is selected when a command says nothing, if there is such a selector.</summary>
    public SelectionSpec? Default { get; private set; }

    /// <param name="text">The content, of which <c>default</c> is rendered already.</param>
    /// <param name="file">The file as messages name it.</param>
    /// <param name="indirect">How tests are selected where a definition says nothing of it.</param>
    /// <exception cref="DataPlatformException">A definition is malformed.</exception>
    public static SelectorFile Parse(string text, string file, IndirectSelection indirect)
    {
        var result = new SelectorFile(file, indirect);
        if (YamlItem.Parse(text, file) is not { } root) return result;
        root.Allow(file, "selectors", "version");
        foreach (var selector in root["selectors"]?.Items ?? []) result.Add(selector);
        return result;
    }

    /// <exception cref="DataPlatformException">There is none of the name.</exception>
    public SelectionSpec Find(string name) => _selectors.GetValueOrDefault(name) ?? throw new DataPlatformException(
        FailureClass.Configuration, $"{_file}: there is no selector '{name}'.", _selectors.Count == 0 ? "The file defines none." : $"It defines {string.Join(", ", _selectors.Keys)}.");

    private void Add(YamlItem selector)
    {
        selector.Allow("a selector", "name", "description", "default", "definition");
        var name = selector.Require("name");
        var definition = selector["definition"] ?? throw selector.Fault($"the selector '{name}' has no definition.", "Write 'definition: tag:nightly', or a map with method and value, union or intersection.");
        if (definition.IsMap && definition.Entries.Count() > 1 && (definition["union"] ?? definition["intersection"]) is not null)
            throw definition.Fault($"the definition of '{name}' has other keys beside 'union' or 'intersection'.", "Put an 'exclude' into the list, as its last entry.");
        var spec = new GroupSpec(SetOperator.Union, [Definition(definition)], _indirect, name);
        if (!_selectors.TryAdd(name, spec)) throw selector.Fault($"there are two selectors '{name}'.", "Rename one of them.");
        if (selector["default"] is not { } isDefault || !Flag(isDefault, "default")) return;
        if (Default is not null) throw isDefault.Fault($"'{name}' is the second selector that is to be the default.", "Leave 'default: true' at one of them.");
        Default = spec;
    }

    private SelectionSpec Definition(YamlItem item)
    {
        if (item.IsList) throw item.Fault("a list is not a definition.", "Put it under 'union' or 'intersection'.");
        if (!item.IsMap)
        {
            if (item.Text.AsSpan().ContainsAny(' ', ',')) throw item.Fault($"'{item.Text}' has set operators, which a definition in one line cannot have.", "Write 'union' or 'intersection' with a list.");
            return SelectionExpression.Criterion(item.Text, Place(item), _indirect);
        }

        if (item["union"] is { } union) return Group(item, SetOperator.Union, "union", union);
        if (item["intersection"] is { } intersection) return Group(item, SetOperator.Intersection, "intersection", intersection);
        if (item["method"] is not null || item["value"] is not null) return WithMethod(item);

        var entries = item.Entries.ToList();
        if (entries is not [var (key, value)] || key.Text == "exclude")
            throw item.Fault($"a definition with the keys {string.Join(", ", entries.Select(entry => entry.Key.Text))} selects nothing.", "Write 'method' and 'value', a method as the only key ('tag: nightly'), 'union' or 'intersection'.");
        return Criterion(item, key.Text, value);
    }

    private SelectionSpec WithMethod(YamlItem item)
    {
        var (method, value) = (item.Require("method"), item["value"] ?? throw item.Fault("'value' is missing here."));
        if (method == "selector")
        {
            item.Allow("a definition that takes over a selector", "method", "value");
            return _selectors.GetValueOrDefault(value.Text) ?? throw value.Fault($"no selector '{value.Text}' is defined above.", "Define it before the selectors that take it over.");
        }

        item.Allow("a definition", "method", "value", "children", "parents", "children_depth", "parents_depth", "childrens_parents", "exclude", "indirect_selection");
        var criterion = Criterion(item, method, value);
        return item["exclude"] is { } exclude ? Without(criterion, exclude) : criterion;
    }

    private Criterion Criterion(YamlItem item, string method, YamlItem value)
    {
        var names = method.Split('.');
        var (parentsDepth, childrenDepth) = (Depth(item, "parents_depth"), Depth(item, "children_depth"));
        return SelectionExpression.Checked(
            new Criterion
            {
                Method = names[0],
                Arguments = names[1..],
                Value = value.Text,
                Place = Place(value),
                WithParents = item["parents"] is { } parents && Flag(parents, "parents"),
                ParentsDepth = parentsDepth,
                WithChildren = item["children"] is { } children && Flag(children, "children"),
                ChildrenDepth = childrenDepth,
                WithChildrensParents = item["childrens_parents"] is { } both && Flag(both, "childrens_parents"),
                Indirect = item["indirect_selection"] is not { } indirect ? _indirect
                    : Enum.GetValues<IndirectSelection>().Cast<IndirectSelection?>().FirstOrDefault(mode => string.Equals(mode.ToString(), indirect.Text, StringComparison.OrdinalIgnoreCase))
                        ?? throw indirect.Fault($"'{indirect.Text}' is not a way to select tests.", "It is one of eager, cautious, buildable, empty."),
            },
            $"{method}:{value.Text}");
    }

    private SelectionSpec Group(YamlItem item, SetOperator operation, string key, YamlItem list)
    {
        item.Allow($"a definition by {key}", key);
        var parts = new List<SelectionSpec>();
        YamlItem? exclude = null;
        foreach (var part in list.Items)
        {
            if (part.IsMap && part.Entries.Count() == 1 && part["exclude"] is { } excluded)
                exclude = exclude is null ? excluded : throw excluded.Fault($"this is the second 'exclude' of one {key}.", "Put all that is excluded into one list.");
            else
                parts.Add(Definition(part));
        }

        if (parts.Count == 0) throw list.Fault($"this {key} has nothing in it to select.", "Give it at least one definition.");
        var group = new GroupSpec(operation, parts, _indirect);
        return exclude is null ? group : Without(group, exclude);
    }

    private SelectionSpec Without(SelectionSpec spec, YamlItem exclude) => exclude.Items.Any()
        ? new GroupSpec(SetOperator.Difference, [spec, .. exclude.Items.Select(Definition)], _indirect)
        : spec;

    private static bool Flag(YamlItem item, string key) => item.ToValue() is bool flag ? flag : throw item.Fault($"'{key}' is to be true or false, not '{item.Text}'.");

    private static int? Depth(YamlItem item, string key) => item[key] is not { } depth ? null
        : depth.ToValue() is long and >= 0 and <= int.MaxValue and var steps ? (int)steps
        : throw depth.Fault($"'{key}' is to be a number of steps, not '{depth.Text}'.", "Leave it out to go all the way.");

    private static string Place(YamlItem item) => $"{item.File}:{item.Line}";
}
