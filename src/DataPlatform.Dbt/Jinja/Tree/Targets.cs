namespace DataPlatform.Dbt.Jinja;

/// <summary>A name that gets a value.</summary>
internal sealed class NameTarget(JinjaSource source, int offset, string name) : Target(source, offset)
{
    private int _slot;

    public string Name { get; } = name;

    public override void Declare(Symbols symbols) => symbols.Store(Name);

    public override void DeclareParameters(Symbols symbols) => symbols.Parameter(Name);

    public override void Bind(Scope scope) => _slot = scope.Place(Name).Slot;

    public override void Assign(Locals locals, object? value) => locals.Slots[_slot] = value;

    public override Target Copy() => new NameTarget(Source, Offset, Name);
}

/// <summary>Names that get the items of a value.</summary>
internal sealed class TupleTarget(JinjaSource source, int offset, IReadOnlyList<Target> targets) : Target(source, offset)
{
    public override IEnumerable<Node> Children => targets;

    public override void DeclareParameters(Symbols symbols)
    {
        foreach (var target in targets) target.DeclareParameters(symbols);
    }

    public override void Assign(Locals locals, object? value)
    {
        var run = locals.Run;
        run.At = this;
        var items = Operations.Iterate(value);
        var values = new List<object?>();
        while (values.Count <= targets.Count && items.MoveNext()) values.Add(items.Current);
        if (values.Count > targets.Count) throw new TemplateError($"too many values to unpack (expected {targets.Count})");
        if (values.Count < targets.Count) throw new TemplateError($"not enough values to unpack (expected {targets.Count}, got {values.Count})");
        for (var i = 0; i < values.Count; i++) targets[i].Assign(locals, values[i]);
    }

    public override Target Copy() => new TupleTarget(Source, Offset, [.. targets.Select(target => target.Copy())]);
}

/// <summary>An attribute of a namespace that gets a value.</summary>
internal sealed class AttributeTarget(JinjaSource source, int offset, string name, string attribute) : Target(source, offset)
{
    private VariablePlace _place;

    public override void Declare(Symbols symbols) => symbols.Load(name);

    public override void DeclareParameters(Symbols symbols) => Declare(symbols);

    public override void Bind(Scope scope) => _place = scope.Place(name);

    /// <exception cref="TemplateError">It is not a namespace.</exception>
    public void Check(Locals locals)
    {
        locals.Run.At = this;
        if (locals.Get(_place) is not JinjaNamespace) throw new TemplateError("cannot assign attribute on non-namespace object", $"Make '{name}' with namespace() before.");
    }

    public override void Assign(Locals locals, object? value) => ((JinjaNamespace)locals.Get(_place)!)[attribute] = value;

    public override Target Copy() => new AttributeTarget(Source, Offset, name, attribute);
}
