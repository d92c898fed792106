using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Text outside of tags.</summary>
internal sealed class TextNode(JinjaSource source, int offset, string text) : Statement(source, offset)
{
    public override Completion Execute(Locals locals, StringBuilder output)
    {
        output.Append(text);
        return Completion.Normal;
    }
}

/// <summary>A value that is printed, or, with <c>do</c>, is not.</summary>
internal sealed class ExpressionStatement(JinjaSource source, int offset, Expression expression, bool prints) : Statement(source, offset)
{
    public override IEnumerable<Node> Children => [expression];

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        var value = expression is Call call ? call.EvaluateSignal(locals) : expression.Evaluate(locals);
        if (value is ReturnSignal signal)
        {
            locals.Run.ReturnValue = signal.Value;
            return Completion.Return;
        }

        if (!prints) return Completion.Normal;
        locals.Run.At = this;
        output.Append(Representation.Print(value));
        return Completion.Normal;
    }
}

internal sealed class If(JinjaSource source, int offset, IReadOnlyList<(Expression Condition, Block Body)> branches, Block? otherwise) : Statement(source, offset)
{
    public override IEnumerable<Node> Children => [.. branches.SelectMany(branch => new Node[] { branch.Condition, branch.Body }), .. otherwise is null ? [] : new Node[] { otherwise }];

    public override void Declare(Symbols symbols) => Declare(symbols, 0);

    public override void Bind(Scope scope) => base.Bind(scope with { IsSoft = true });

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        foreach (var (condition, body) in branches)
            if (Operations.IsTrue(condition.Evaluate(locals))) return body.Execute(locals, output);
        return otherwise?.Execute(locals, output) ?? Completion.Normal;
    }

    private void Declare(Symbols symbols, int first)
    {
        branches[first].Condition.Declare(symbols);
        var body = symbols.Copy();
        branches[first].Body.Declare(body);
        var others = symbols.Copy();
        // Jinja declares each elif as an if of its own, all in one branch, and the else in another.
        if (first == 0)
            for (var i = 1; i < branches.Count; i++) Declare(others, i);
        var last = symbols.Copy();
        if (first == 0) otherwise?.Declare(last);
        symbols.Merge([body, others, last]);
    }
}

/// <summary>A loop, with or without <c>loop</c>, filter, else and recursion.</summary>
internal sealed class For(JinjaSource source, int offset, Target target, Expression iterable, Expression? test, bool isRecursive, Block body, Block? otherwise) : Statement(source, offset)
{
    private readonly Target? _testTarget = test is null ? null : target.Copy();
    private FunctionCode? _recursiveCode;
    private FunctionCode? _testCode;
    private ScopeEntry? _entry;
    private ScopeEntry? _otherwiseEntry;
    private ScopeEntry? _testEntry;
    private int _loopSlot = -1;

    public override IEnumerable<Node> Children => new Node?[] { target, iterable, body, otherwise, test }.OfType<Node>();

    public override void Declare(Symbols symbols) => iterable.Declare(symbols);

    public override void Bind(Scope scope)
    {
        JinjaRun.EnsureStack();
        iterable.Bind(scope);
        if (isRecursive) _recursiveCode = new FunctionCode(scope.Function);
        var inner = scope.Inner(_recursiveCode);
        if (isRecursive || body.Reads("loop")) _loopSlot = inner.Symbols.Parameter("loop").Slot;
        if (this.Sets("loop") is { } wrong) throw wrong.Source.Fault(wrong.Offset, "In a loop the name 'loop' stands for the loop, and cannot be set.");
        target.DeclareParameters(inner.Symbols);
        body.Declare(inner.Symbols);
        _entry = inner.Symbols.CreateEntry();
        target.Bind(inner);
        body.Bind(inner);
        if (otherwise is not null)
        {
            var last = scope.Inner(_recursiveCode);
            otherwise.Declare(last.Symbols);
            _otherwiseEntry = last.Symbols.CreateEntry();
            otherwise.Bind(last);
        }

        if (test is null) return;
        _testCode = new FunctionCode(inner.Function);
        var filter = scope.Inner(_testCode);
        _testTarget!.DeclareParameters(filter.Symbols);
        test.Declare(filter.Symbols);
        _testEntry = filter.Symbols.CreateEntry();
        _testTarget.Bind(filter);
        test.Bind(filter);
    }

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        JinjaRun.EnsureStack();
        var items = iterable.Evaluate(locals);
        if (!isRecursive) return Loop(locals, items, output, depth: 0);
        output.Append(Recurse(locals, items, depth: 0));
        return Completion.Normal;
    }

    private string Recurse(Locals outer, object? items, int depth)
    {
        var output = new StringBuilder();
        var run = outer.Run;
        run.Enter();
        try
        {
            if (Loop(new Locals(_recursiveCode!, outer, outer.Names, run), items, output, depth) == Completion.Return) throw new MacroReturnException(run.ReturnValue);
        }
        finally
        {
            run.Leave();
        }

        return output.ToString();
    }

    private Completion Loop(Locals locals, object? value, StringBuilder output, int depth)
    {
        var run = locals.Run;
        run.At = this;
        var items = test is null ? Operations.Iterate(value) : Filter(locals, value);
        var loop = _loopSlot < 0
            ? null
            : new LoopContext(run, items, test is null ? Operations.Length(value) : null, depth, isRecursive ? inner => Recurse(locals.Outer!, inner, depth + 1) : null);
        var takesElse = true;
        while (true)
        {
            run.At = this;
            if (!(loop?.MoveNext() ?? items.MoveNext())) break;
            run.Iterate();
            JinjaRun.EnsureSize(output.Length);
            target.Assign(locals, loop is null ? items.Current : loop.Current);
            if (loop is not null) locals.Slots[_loopSlot] = loop;
            _entry!.Enter(locals);
            var completion = body.Execute(locals, output);
            if (completion == Completion.Return) return completion;
            if (completion == Completion.Break) break;
            // As in Jinja2, where a turn that ends early does not count against the else.
            if (completion == Completion.Normal) takesElse = false;
        }

        if (!takesElse || otherwise is null) return Completion.Normal;
        _otherwiseEntry!.Enter(locals);
        return otherwise.Execute(locals, output);
    }

    private IEnumerator<object?> Filter(Locals locals, object? value)
    {
        var run = locals.Run;
        var inner = new Locals(_testCode!, locals, locals.Names, run);
        _testEntry!.Enter(inner);
        var items = Operations.Iterate(value);
        while (items.MoveNext())
        {
            run.Iterate();
            _testTarget!.Assign(inner, items.Current);
            if (Operations.IsTrue(test!.Evaluate(inner))) yield return items.Current;
        }
    }
}

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed class LoopControl(JinjaSource source, int offset, Completion completion) : Statement(source, offset)
{
    public override Completion Execute(Locals locals, StringBuilder output) => completion;
}

/// <summary><c>set target = value</c>.</summary>
internal sealed class Set(JinjaSource source, int offset, Target target, Expression value) : Statement(source, offset)
{
    private readonly AttributeTarget[] _attributes = [.. target.Descendants().OfType<AttributeTarget>()];

    public override IEnumerable<Node> Children => [target, value];

    public override void Declare(Symbols symbols)
    {
        value.Declare(symbols);
        target.Declare(symbols);
    }

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        foreach (var attribute in _attributes) attribute.Check(locals);
        target.Assign(locals, value.Evaluate(locals));
        return Completion.Normal;
    }
}

/// <summary><c>set target</c> with a body: its text is the value.</summary>
internal sealed class SetBlock(JinjaSource source, int offset, Target target, FilterExpression? filter, Block body) : Statement(source, offset)
{
    private ScopeEntry? _entry;

    public override IEnumerable<Node> Children => new Node?[] { target, filter, body }.OfType<Node>();

    public override void Declare(Symbols symbols) => target.Declare(symbols);

    public override void Bind(Scope scope)
    {
        var inner = scope.Inner();
        body.Declare(inner.Symbols);
        filter?.Declare(inner.Symbols);
        _entry = inner.Symbols.CreateEntry();
        target.Bind(scope);
        body.Bind(inner);
        filter?.Bind(inner);
    }

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        _entry!.Enter(locals);
        var text = new StringBuilder();
        var completion = body.Execute(locals, text);
        if (completion != Completion.Normal) return completion;
        foreach (var attribute in target.Descendants().OfType<AttributeTarget>()) attribute.Check(locals);
        target.Assign(locals, filter is null ? text.ToString() : filter.Apply(locals, text.ToString()));
        return Completion.Normal;
    }
}

/// <summary>A body whose text goes through filters.</summary>
internal sealed class FilterBlock(JinjaSource source, int offset, FilterExpression filter, Block body) : Statement(source, offset)
{
    private ScopeEntry? _entry;

    public override IEnumerable<Node> Children => [body, filter];

    public override void Declare(Symbols symbols) => filter.Declare(symbols);

    public override void Bind(Scope scope)
    {
        var inner = scope.Inner();
        body.Declare(inner.Symbols);
        filter.Declare(inner.Symbols);
        _entry = inner.Symbols.CreateEntry();
        body.Bind(inner);
        filter.Bind(inner);
    }

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        _entry!.Enter(locals);
        var text = new StringBuilder();
        var completion = body.Execute(locals, text);
        if (completion != Completion.Normal) return completion;
        output.Append(Representation.Print(filter.Apply(locals, text.ToString())));
        return Completion.Normal;
    }
}

/// <summary>Names for a body alone.</summary>
internal sealed class With(JinjaSource source, int offset, IReadOnlyList<(Target Target, Expression Value)> names, Block body) : Statement(source, offset)
{
    private ScopeEntry? _entry;

    public override IEnumerable<Node> Children => [.. names.Select(name => name.Target), .. names.Select(name => name.Value), body];

    public override void Declare(Symbols symbols)
    {
        foreach (var (_, value) in names) value.Declare(symbols);
    }

    public override void Bind(Scope scope)
    {
        var inner = scope.Inner();
        foreach (var (target, _) in names) target.DeclareParameters(inner.Symbols);
        body.Declare(inner.Symbols);
        _entry = inner.Symbols.CreateEntry();
        foreach (var (target, value) in names)
        {
            target.Bind(inner);
            value.Bind(scope);
        }

        body.Bind(inner);
    }

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        _entry!.Enter(locals);
        foreach (var (target, value) in names) target.Assign(locals, value.Evaluate(locals));
        return body.Execute(locals, output);
    }
}

/// <summary>A macro, or another block that can be called like one.</summary>
internal sealed class MacroNode(JinjaSource source, int offset, string tag, string name, IReadOnlyList<NameTarget> parameters, IReadOnlyList<Expression> defaults, Block body) : Statement(source, offset)
{
    private int _nameSlot = -1;
    private int[] _slots = [];
    private int _callerSlot = -1;
    private int _keywordsSlot = -1;
    private int _extraSlot = -1;
    private ScopeEntry? _entry;

    public string Tag { get; } = tag;

    public string Name { get; } = name;

    public IReadOnlyList<string> ParameterNames { get; } = [.. parameters.Select(parameter => parameter.Name)];

    /// <summary>Whether it is the body of a call block, which has no name.</summary>
    public bool IsCaller => Tag == "call";

    /// <summary>Whether <c>return()</c> ends it: it does not stand inside another.</summary>
    public bool CatchesReturn { get; init; }

    public IReadOnlyDictionary<string, object?> Settings { get; init; } = new Dictionary<string, object?>();

    /// <summary>Where the text between the tags begins.</summary>
    public int BodyStart { get; init; }

    public int BodyEnd { get; init; }

    /// <summary>Where the end tag ends.</summary>
    public int End { get; init; }

    public bool TakesCaller => _callerSlot >= 0;

    public bool TakesKeywords => _keywordsSlot >= 0;

    public bool TakesExtra => _extraSlot >= 0;

    public FunctionCode? Code { get; private set; }

    public override IEnumerable<Node> Children => [.. parameters, .. defaults, body];

    public override void Declare(Symbols symbols) => symbols.Store(Name);

    public override void Bind(Scope scope)
    {
        JinjaRun.EnsureStack();
        if (scope.Symbols.Find(Name) is { } variable && variable.Function == scope.Function) _nameSlot = variable.Slot;
        Code = new FunctionCode(scope.Function);
        var inner = scope.Inner(Code);
        foreach (var parameter in parameters) parameter.DeclareParameters(inner.Symbols);
        foreach (var node in defaults) node.Declare(inner.Symbols);
        body.Declare(inner.Symbols);
        var read = body.ReadsBeforeSet("caller", "kwargs", "varargs");
        if (read.Contains("caller"))
        {
            var place = ParameterNames.IndexOf("caller");
            if (place < 0) _callerSlot = inner.Symbols.Parameter("caller").Slot;
            else if (place < parameters.Count - defaults.Count) throw Fault("The parameter 'caller' must be left out or have a default.");
        }

        if (read.Contains("kwargs") && !ParameterNames.Contains("kwargs")) _keywordsSlot = inner.Symbols.Parameter("kwargs").Slot;
        if (read.Contains("varargs") && !ParameterNames.Contains("varargs")) _extraSlot = inner.Symbols.Parameter("varargs").Slot;
        _entry = inner.Symbols.CreateEntry();
        foreach (var node in Children) node.Bind(inner);
        _slots = [.. ParameterNames.Select(parameter => inner.Place(parameter).Slot)];
    }

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        locals.Slots[_nameSlot] = new JinjaMacro(this, locals);
        return Completion.Normal;
    }

    /// <summary>Gives the parameters their values, by Jinja's rules.</summary>
    public void TakeArguments(Locals locals, CallArguments arguments)
    {
        var positional = arguments.Positional;
        var named = arguments.Named.ToDictionary(StringComparer.Ordinal);
        for (var i = 0; i < _slots.Length; i++)
        {
            if (i < positional.Count) locals.Slots[_slots[i]] = positional[i];
            else if (named.Remove(ParameterNames[i], out var value)) locals.Slots[_slots[i]] = value;
        }

        if (TakesCaller)
            locals.Slots[_callerSlot] = named.Remove("caller", out var caller) && caller is not null ? caller : locals.Run.NewUndefined("No caller defined");
        if (TakesKeywords) locals.Slots[_keywordsSlot] = new PythonDict(arguments.Named.Where(argument => named.ContainsKey(argument.Key)));
        else if (named.Count > 0) throw new TemplateError($"{Tag} '{Name}' takes no keyword argument '{arguments.Named.First(argument => named.ContainsKey(argument.Key)).Key}'");
        if (TakesExtra) locals.Slots[_extraSlot] = new PythonTuple([.. positional.Skip(_slots.Length)]);
        else if (positional.Count > _slots.Length) throw new TemplateError($"{Tag} '{Name}' takes not more than {_slots.Length} argument(s)");
    }

    /// <summary>Writes the body, once the parameters that were not given have their defaults.</summary>
    public Completion ExecuteBody(Locals locals, StringBuilder output)
    {
        _entry!.Enter(locals);
        for (var i = 0; i < _slots.Length; i++)
        {
            if (!ReferenceEquals(locals.Slots[_slots[i]], Locals.Missing)) continue;
            var place = i - (_slots.Length - defaults.Count);
            locals.Slots[_slots[i]] = place >= 0
                ? defaults[place].Evaluate(locals)
                : locals.Run.NewUndefined($"parameter '{ParameterNames[i]}' was not provided");
        }

        return body.Execute(locals, output);
    }
}

/// <summary><c>call(parameters) macro()</c>: its body is the macro's <c>caller</c>.</summary>
internal sealed class CallBlock(JinjaSource source, int offset, MacroNode caller, Call call) : Statement(source, offset)
{
    public override IEnumerable<Node> Children => [call, .. caller.Children];

    public override void Declare(Symbols symbols) => call.Declare(symbols);

    public override void Bind(Scope scope)
    {
        call.Bind(scope);
        caller.Bind(scope);
    }

    public override Completion Execute(Locals locals, StringBuilder output)
    {
        var value = call.EvaluateSignal(locals, new JinjaMacro(caller, locals));
        if (value is ReturnSignal signal)
        {
            locals.Run.ReturnValue = signal.Value;
            return Completion.Return;
        }

        output.Append(Representation.Print(value));
        return Completion.Normal;
    }
}

internal static class NodeExtensions
{
    /// <summary>All nodes in one, and itself, in Jinja's order.</summary>
    public static IEnumerable<Node> Descendants(this Node node)
    {
        var open = new Stack<Node>();
        open.Push(node);
        while (open.TryPop(out var next))
        {
            yield return next;
            foreach (var child in next.Children.Reverse()) open.Push(child);
        }
    }

    public static bool Reads(this Node node, string name) => node.Descendants().Any(part => part is Name found && found.Text == name);

    public static Node? Sets(this Node node, string name) => node.Descendants().FirstOrDefault(part => part is NameTarget target && target.Name == name);

    /// <summary>Those of the names that are read before they are set.</summary>
    public static HashSet<string> ReadsBeforeSet(this Node node, params IEnumerable<string> names)
    {
        var open = new HashSet<string>(names, StringComparer.Ordinal);
        var read = new HashSet<string>(StringComparer.Ordinal);
        foreach (var part in node.Descendants())
        {
            if (part is Name name && open.Contains(name.Text)) read.Add(name.Text);
            else if (part is NameTarget target) open.Remove(target.Name);
        }

        return read;
    }

    public static int IndexOf(this IReadOnlyList<string> names, string name)
    {
        for (var i = 0; i < names.Count; i++)
            if (names[i] == name) return i;
        return -1;
    }
}
