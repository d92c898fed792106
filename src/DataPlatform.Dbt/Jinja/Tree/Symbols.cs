namespace DataPlatform.Dbt.Jinja;

/// <summary>The values of one call of a macro, a loop that calls itself, or a whole template.</summary>
internal sealed class Locals
{
    /// <summary>Stands in places that have no value.</summary>
    public static readonly object Missing = new();

    public Locals(FunctionCode code, Locals? outer, IJinjaNames names, JinjaRun run)
    {
        (Outer, Names, Run) = (outer, names, run);
        Slots = code.Count == 0 ? [] : new object?[code.Count];
        Array.Fill(Slots, Missing);
    }

    public object?[] Slots { get; }

    /// <summary>Those of what it is written in.</summary>
    public Locals? Outer { get; }

    /// <summary>What the names stand for that the template does not set.</summary>
    public IJinjaNames Names { get; }

    public JinjaRun Run { get; }

    public object? Get(VariablePlace place)
    {
        var locals = this;
        for (var hops = place.Hops; hops > 0; hops--) locals = locals.Outer!;
        return locals.Slots[place.Slot];
    }
}

/// <summary>Where a variable is: in which of the outer locals, and its place there.</summary>
internal readonly record struct VariablePlace(int Hops, int Slot);

/// <summary>What has locals of its own; it counts them.</summary>
internal sealed class FunctionCode(FunctionCode? outer)
{
    private readonly List<Dictionary<string, Variable>> _levels = [];

    public int Depth { get; } = outer is null ? 0 : outer.Depth + 1;

    public int Count { get; private set; }

    /// <summary>The variable of a name in the scope of a level. Scopes side by side share theirs, as each sets them when it begins.</summary>
    public Variable Variable(int level, string name)
    {
        while (_levels.Count <= level) _levels.Add(new Dictionary<string, Variable>(StringComparer.Ordinal));
        if (!_levels[level].TryGetValue(name, out var variable)) _levels[level][name] = variable = new Variable(this, Count++);
        return variable;
    }
}

/// <summary>A variable of a function.</summary>
internal sealed record Variable(FunctionCode Function, int Slot)
{
    /// <summary>Where it is for code in a function.</summary>
    public VariablePlace From(FunctionCode function) => new(function.Depth - Function.Depth, Slot);
}

/// <summary>A variable that a scope gives a value when it begins.</summary>
internal sealed record VariableLoad(Variable Variable, LoadKind Kind, string Name, Variable? Outer = null);

/// <summary>What a scope does with a variable when it begins.</summary>
internal enum LoadKind
{
    /// <summary>Nothing: the value is there.</summary>
    Parameter,

    /// <summary>It is looked up by name outside of the template.</summary>
    Resolve,

    /// <summary>It has the value of the variable of the same name around it.</summary>
    Alias,

    /// <summary>It has none.</summary>
    Undefined,
}

/// <summary>
/// The names of a scope. The rules are those of Jinja2's <c>idtracking</c>: a name that a scope sets is its own and begins with the outer value; branches of an
/// <c>if</c> are no scopes.
/// </summary>
internal sealed class Symbols(Symbols? parent, FunctionCode function)
{
    private readonly int _level = parent is null ? 0 : parent._level + 1;
    private Dictionary<string, Variable> _names = new(StringComparer.Ordinal);
    private Dictionary<Variable, VariableLoad> _loads = [];
    private HashSet<string> _stores = new(StringComparer.Ordinal);

    public FunctionCode Function { get; } = function;

    public Variable? Find(string name) => _names.TryGetValue(name, out var variable) ? variable : parent?.Find(name);

    public void Load(string name)
    {
        if (Find(name) is null) Define(name, LoadKind.Resolve);
    }

    public void Store(string name)
    {
        _stores.Add(name);
        if (_names.ContainsKey(name)) return;
        if (parent?.Find(name) is { } outer) Define(name, LoadKind.Alias, outer);
        else Define(name, LoadKind.Undefined);
    }

    public Variable Parameter(string name)
    {
        _stores.Add(name);
        return Define(name, LoadKind.Parameter);
    }

    /// <summary>Takes over what branches declared, each of which began with a copy of this.</summary>
    public void Merge(IReadOnlyList<Symbols> branches)
    {
        var stores = branches.SelectMany(branch => branch._stores).Where(name => !_stores.Contains(name)).ToHashSet(StringComparer.Ordinal);
        foreach (var branch in branches)
        {
            foreach (var (name, variable) in branch._names) _names[name] = variable;
            foreach (var (variable, load) in branch._loads) _loads[variable] = load;
            _stores.UnionWith(branch._stores);
        }

        foreach (var name in stores)
        {
            var (variable, outer) = (Find(name)!, parent?.Find(name));
            _loads[variable] = new VariableLoad(variable, outer is null ? LoadKind.Resolve : LoadKind.Alias, name, outer);
        }
    }

    public Symbols Copy() => new(parent, Function)
    {
        _names = new(_names, StringComparer.Ordinal),
        _loads = new(_loads),
        _stores = new(_stores, StringComparer.Ordinal),
    };

    public ScopeEntry CreateEntry() => new(Function, [.. _loads.Values.Where(load => load.Kind != LoadKind.Parameter)]);

    private Variable Define(string name, LoadKind kind, Variable? outer = null)
    {
        var variable = Function.Variable(_level, name);
        _names[name] = variable;
        _loads[variable] = new VariableLoad(variable, kind, name, outer);
        return variable;
    }
}

/// <summary>Gives the variables of a scope the values that they begin with.</summary>
internal sealed class ScopeEntry(FunctionCode function, VariableLoad[] loads)
{
    public void Enter(Locals locals)
    {
        foreach (var (variable, kind, name, outer) in loads)
        {
            locals.Slots[variable.Slot] = kind switch
            {
                LoadKind.Resolve => locals.Names.TryResolve(name, out var value) || Globals.TryResolve(name, out value) ? value : Locals.Missing,
                LoadKind.Alias => locals.Get(outer!.From(function)),
                _ => Locals.Missing,
            };
        }
    }
}

/// <summary>What a part of a template is bound in.</summary>
/// <param name="Symbols">The names.</param>
/// <param name="Environment">Where filters are from.</param>
/// <param name="IsSoft">Whether it stands in a branch: a filter that there is not is then an error only when it runs.</param>
internal sealed record Scope(Symbols Symbols, JinjaEnvironment Environment, bool IsSoft)
{
    public FunctionCode Function => Symbols.Function;

    /// <summary>A scope in it, with locals of its own when a function is given.</summary>
    public Scope Inner(FunctionCode? function = null) => new(new Symbols(Symbols, function ?? Function), Environment, IsSoft: false);

    public VariablePlace Place(string name) => Symbols.Find(name)!.From(Function);
}

/// <summary>Binds whole templates and single definitions.</summary>
internal static class Binding
{
    public static (Block Body, FunctionCode Code, ScopeEntry Entry) BindTemplate(TemplateNode root, JinjaEnvironment environment) => Guard(root, () =>
    {
        var code = new FunctionCode(null);
        var symbols = new Symbols(null, code);
        root.Declare(symbols);
        var entry = symbols.CreateEntry();
        root.Bind(new Scope(symbols, environment, IsSoft: false));
        return (root.Body, code, entry);
    });

    /// <summary>Binds a macro by itself, as dbt does: the macros beside it are found by name, outside of the file.</summary>
    public static void BindDefinition(MacroNode macro, JinjaEnvironment environment) => Guard(macro, () =>
    {
        macro.Bind(new Scope(new Symbols(null, new FunctionCode(null)), environment, IsSoft: false));
        return true;
    });

    private static T Guard<T>(Node root, Func<T> bind)
    {
        try
        {
            return bind();
        }
        catch (TemplateError e)
        {
            throw e.At(root);
        }
    }
}
