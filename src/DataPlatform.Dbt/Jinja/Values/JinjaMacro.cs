using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>A macro that can be called: it gives its text, or what <c>return()</c> ended it with.</summary>
internal sealed class JinjaMacro : JinjaObject
{
    private static readonly FunctionCode NoCode = new(null);

    private readonly MacroNode _node;
    private readonly IJinjaNames _names;
    private readonly Locals? _outer;

    /// <summary>A macro of a library.</summary>
    public JinjaMacro(MacroNode node, IJinjaNames names) => (_node, _names) = (node, names);

    /// <summary>A macro that a template defines while it runs.</summary>
    public JinjaMacro(MacroNode node, Locals outer) => (_node, _names, _outer) = (node, outer.Names, outer);

    public override string TypeName => "Macro";

    public override bool IsCallable => true;

    /// <summary>Calls it from outside of any template.</summary>
    /// <exception cref="JinjaException">It failed.</exception>
    public object? Invoke(JinjaRun run, IReadOnlyList<object?> positional, IReadOnlyList<KeyValuePair<string, object?>>? named = null)
    {
        try
        {
            return Call(new CallArguments(run, positional, named ?? []));
        }
        catch (TemplateError e)
        {
            throw e.At(run.At ?? _node);
        }
    }

    public override object? Call(CallArguments arguments)
    {
        var run = arguments.Run;
        var site = run.At;
        run.Enter();
        try
        {
            var locals = new Locals(_node.Code!, _outer ?? new Locals(NoCode, null, _names, run), _names, run);
            _node.TakeArguments(locals, arguments);
            var value = Execute(locals, site);
            run.At = site;
            return value;
        }
        finally
        {
            run.Leave();
        }
    }

    public override bool TryGetAttribute(string name, out object? value)
    {
        value = name switch
        {
            "name" => _node.IsCaller ? null : _node.Name,
            "arguments" => new PythonTuple([.. _node.ParameterNames]),
            "catch_kwargs" => _node.TakesKeywords,
            "catch_varargs" => _node.TakesExtra,
            "caller" => _node.TakesCaller,
            _ => Locals.Missing,
        };
        return !ReferenceEquals(value, Locals.Missing);
    }

    public override string Repr() => _node.IsCaller ? "<Macro anonymous>" : $"<Macro {PythonText.Repr(_node.Name)}>";

    private object? Execute(Locals locals, Node? site)
    {
        var run = locals.Run;
        var output = new StringBuilder();
        try
        {
            run.At = _node;
            return _node.ExecuteBody(locals, output) != Completion.Return ? output.ToString()
                : _node.CatchesReturn ? run.ReturnValue
                : throw new MacroReturnException(run.ReturnValue);
        }
        catch (MacroReturnException e) when (_node.CatchesReturn)
        {
            return e.Value;
        }
        catch (TemplateError e) when (e.IsCaughtIn(run, _node, site))
        {
            throw;
        }
    }
}

/// <summary>What <c>loop</c> stands for in a loop.</summary>
internal sealed class LoopContext(JinjaRun run, IEnumerator<object?> items, int? length, int depth, Func<object?, string>? recurse) : JinjaObject
{
    private IEnumerator<object?> _items = items;
    private int? _length = length;
    private int _index = -1;
    private object? _before;
    private object? _after = Locals.Missing;
    private object? _lastChanged = Locals.Missing;

    public override string TypeName => "LoopContext";

    public override bool IsCallable => true;

    public override int? Length => CountItems();

    public object? Current { get; private set; }

    public bool MoveNext()
    {
        var next = Peek();
        if (ReferenceEquals(next, Locals.Missing)) return false;
        _after = Locals.Missing;
        _index++;
        (_before, Current) = (Current, next);
        return true;
    }

    public override bool TryGetAttribute(string name, out object? value)
    {
        value = name switch
        {
            "index" => (long)_index + 1,
            "index0" => (long)_index,
            "revindex" => (long)CountItems() - _index,
            "revindex0" => (long)CountItems() - _index - 1,
            "length" => (long)CountItems(),
            "first" => _index == 0,
            "last" => ReferenceEquals(Peek(), Locals.Missing),
            "depth" => (long)depth + 1,
            "depth0" => (long)depth,
            "previtem" => _index == 0 ? run.NewUndefined("there is no previous item") : _before,
            "nextitem" => Peek() is var next && ReferenceEquals(next, Locals.Missing) ? run.NewUndefined("there is no next item") : next,
            "cycle" => new JinjaFunction("cycle", Cycle),
            "changed" => new JinjaFunction("changed", arguments => HasChanged(arguments)),
            _ => Locals.Missing,
        };
        return !ReferenceEquals(value, Locals.Missing);
    }

    public override object? Call(CallArguments arguments)
    {
        if (recurse is null) throw new TemplateError("The loop must have the 'recursive' marker to be called recursively.");
        return arguments is { Positional: [var items], Named: [] } ? recurse(items) : throw new TemplateError("loop() takes one argument, what to loop over.");
    }

    public override string Repr() => $"<LoopContext {_index + 1}/{CountItems()}>";

    private object? Peek() => ReferenceEquals(_after, Locals.Missing) && _items.MoveNext() ? _after = _items.Current : _after;

    private int CountItems()
    {
        if (_length is { } known) return known;
        var rest = new List<object?>();
        while (_items.MoveNext()) rest.Add(_items.Current);
        _items = rest.GetEnumerator();
        _length = rest.Count + _index + 1 + (ReferenceEquals(_after, Locals.Missing) ? 0 : 1);
        return _length.Value;
    }

    private object? Cycle(CallArguments arguments) =>
        arguments.Positional.Count == 0 ? throw new TemplateError("no items for cycling given") : arguments.Positional[_index % arguments.Positional.Count];

    private bool HasChanged(CallArguments arguments)
    {
        var value = new PythonTuple([.. arguments.Positional]);
        if (Operations.AreEqual(_lastChanged, value)) return false;
        _lastChanged = value;
        return true;
    }
}
