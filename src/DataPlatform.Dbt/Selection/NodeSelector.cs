namespace DataPlatform.Dbt.Selection;

/// <param name="Ids">Of the nodes of every kind; a command takes those of its own kinds.</param>
/// <param name="Warnings">Expressions that match nothing.</param>
internal sealed record Selection(IReadOnlySet<string> Ids, IReadOnlyList<string> Warnings);

/// <summary>Finds the nodes that a specification selects.</summary>
internal sealed class NodeSelector(SelectableGraph graph, SelectionState? state = null)
{
    private readonly SelectionState _state = state ?? new SelectionState();

    /// <exception cref="DataPlatformException">A value is none that its method has, or there is no state to compare with.</exception>
    public Selection Select(SelectionSpec spec)
    {
        var warnings = new List<string>();
        return new Selection(Evaluate(spec, warnings).Selected, warnings);
    }

    private Found Evaluate(SelectionSpec spec, List<string> warnings) => spec switch
    {
        Criterion criterion => Evaluate(criterion),
        GroupSpec group => Evaluate(group, warnings),
        _ => new Found(graph.Nodes.Select(node => node.UniqueId).ToHashSet(StringComparer.Ordinal), []),
    };

    private Found Evaluate(Criterion criterion)
    {
        var matches = graph.Nodes.Where(SelectionMethods.Matcher(criterion, graph, _state)).Select(node => node.UniqueId).ToHashSet(StringComparer.Ordinal);
        var selected = new HashSet<string>(matches, StringComparer.Ordinal);
        if (criterion.WithChildrensParents) selected.UnionWith(graph.WithAncestors(graph.WithDescendants(matches)));
        if (criterion.WithParents) selected.UnionWith(graph.WithAncestors(matches, criterion.ParentsDepth));
        if (criterion.WithChildren) selected.UnionWith(graph.WithDescendants(matches, criterion.ChildrenDepth));
        return WithTests(selected, criterion.Indirect);
    }

    private Found WithTests(HashSet<string> selected, IndirectSelection indirect)
    {
        if (indirect == IndirectSelection.Empty) return new Found(selected, []);

        var tests = selected.SelectMany(graph.Children).Where(id => graph[id].IsTest).ToHashSet(StringComparer.Ordinal);
        if (indirect == IndirectSelection.Eager) return new Found([.. selected, .. tests], []);

        var reach = Reach(selected, indirect);
        // What a test of several nodes needs may be selected by another part of the expression.
        return new Found(
            [.. selected, .. tests.Where(id => graph.Parents(id).All(parent => reach.Contains(parent) || (indirect == IndirectSelection.Buildable && graph[parent].ResourceType == NodeKinds.Source)))],
            tests);
    }

    private Found Evaluate(GroupSpec group, List<string> warnings)
    {
        var parts = group.Parts.Select(part => Evaluate(part, warnings)).ToList();
        var selected = Combine(group.Operator, parts.Select(part => part.Selected));
        var possible = Combine(group.Operator, parts.Select(part => part.Selected.Union(part.PossibleTests)));
        if (group.Indirect is IndirectSelection.Cautious or IndirectSelection.Buildable)
        {
            var reach = Reach(selected, group.Indirect);
            selected.UnionWith(possible.Where(id => graph[id].IsTest && graph.Parents(id).All(reach.Contains)));
        }

        if (group.WarnAs is not null && selected.Count == 0) warnings.Add($"The selection criterion '{group.WarnAs}' does not match any enabled nodes.");
        return new Found(selected, possible);
    }

    private HashSet<string> Reach(HashSet<string> selected, IndirectSelection indirect) => indirect == IndirectSelection.Buildable ? graph.WithAncestors(selected) : selected;

    private static HashSet<string> Combine(SetOperator operation, IEnumerable<IEnumerable<string>> sets)
    {
        var combined = sets.First().ToHashSet(StringComparer.Ordinal);
        foreach (var set in sets.Skip(1))
        {
            switch (operation)
            {
                case SetOperator.Union: combined.UnionWith(set); break;
                case SetOperator.Intersection: combined.IntersectWith(set); break;
                default: combined.ExceptWith(set); break;
            }
        }

        return combined;
    }

    /// <param name="Selected">The nodes and tests.</param>
    /// <param name="PossibleTests">Tests that are selected, too, once all that they test is.</param>
    private sealed record Found(HashSet<string> Selected, HashSet<string> PossibleTests);
}
