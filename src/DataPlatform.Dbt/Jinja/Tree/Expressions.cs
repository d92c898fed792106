using System.Text;

namespace DataPlatform.Dbt.Jinja;

internal sealed class Constant(JinjaSource source, int offset, object? value) : Expression(source, offset)
{
    public object? Value { get; } = value;

    public override object? Evaluate(Locals locals) => Value;
}

internal sealed class Name(JinjaSource source, int offset, string text) : Expression(source, offset)
{
    private VariablePlace _place;

    public string Text { get; } = text;

    public override void Declare(Symbols symbols) => symbols.Load(Text);

    public override void Bind(Scope scope) => _place = scope.Place(Text);

    public override object? Evaluate(Locals locals)
    {
        var value = locals.Get(_place);
        return ReferenceEquals(value, Locals.Missing) ? locals.Run.NewUndefined($"'{Text}' is undefined") : value;
    }
}

internal sealed class TupleExpression(JinjaSource source, int offset, IReadOnlyList<Expression> items) : Expression(source, offset)
{
    public IReadOnlyList<Expression> Items { get; } = items;

    public override IEnumerable<Node> Children => Items;

    public override object Evaluate(Locals locals) => new PythonTuple(Items.Evaluate(locals));
}

internal sealed class ListExpression(JinjaSource source, int offset, IReadOnlyList<Expression> items) : Expression(source, offset)
{
    public IReadOnlyList<Expression> Items { get; } = items;

    public override IEnumerable<Node> Children => Items;

    public override object Evaluate(Locals locals) => new PythonList(Items.Evaluate(locals));
}

internal sealed class DictExpression(JinjaSource source, int offset, IReadOnlyList<(Expression Key, Expression Value)> items) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => items.SelectMany(item => new Node[] { item.Key, item.Value });

    public override object Evaluate(Locals locals)
    {
        var dict = new PythonDict();
        foreach (var (key, value) in items)
        {
            var name = key.Evaluate(locals);
            var content = value.Evaluate(locals);
            locals.Run.At = this;
            dict[name] = content;
        }

        return dict;
    }
}

/// <summary><c>-</c> or <c>+</c> before a value.</summary>
internal sealed class Unary(JinjaSource source, int offset, string op, Expression operand) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => [operand];

    public override object? Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        var value = operand.Evaluate(locals);
        locals.Run.At = this;
        return op == "-" ? Operations.Negate(value) : Operations.Plus(value);
    }
}

/// <summary>One of <c>+ - * / // % **</c>.</summary>
internal sealed class Binary(JinjaSource source, int offset, string op, Expression left, Expression right) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => [left, right];

    public override object? Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        var (a, b) = (left.Evaluate(locals), right.Evaluate(locals));
        locals.Run.At = this;
        return Operations.Calculate(op, a, b);
    }
}

/// <summary>Values as text one after the other: <c>~</c>.</summary>
internal sealed class Concatenation(JinjaSource source, int offset, IReadOnlyList<Expression> parts) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => parts;

    public override object Evaluate(Locals locals)
    {
        var values = parts.Evaluate(locals);
        locals.Run.At = this;
        var text = new StringBuilder();
        foreach (var value in values) text.Append(Representation.Print(value));
        JinjaRun.EnsureSize(text.Length);
        return text.ToString();
    }
}

/// <summary>Comparisons, of which each takes the value before it: <c>a &lt; b &lt; c</c>.</summary>
internal sealed class Comparison(JinjaSource source, int offset, Expression first, IReadOnlyList<(string Op, Expression Operand)> rest) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => [first, .. rest.Select(item => item.Operand)];

    public override object Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        var left = first.Evaluate(locals);
        foreach (var (op, operand) in rest)
        {
            var right = operand.Evaluate(locals);
            locals.Run.At = this;
            var holds = op switch
            {
                "==" => Operations.AreEqual(left, right),
                "!=" => !Operations.AreEqual(left, right),
                "in" => Operations.Contains(right, left),
                "not in" => !Operations.Contains(right, left),
                _ => Operations.Compare(op, left, right),
            };
            if (!holds) return false;
            left = right;
        }

        return true;
    }
}

/// <summary><c>and</c> or <c>or</c>: the value that decides.</summary>
internal sealed class Logical(JinjaSource source, int offset, bool isAnd, Expression left, Expression right) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => [left, right];

    public override object? Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        var value = left.Evaluate(locals);
        return Operations.IsTrue(value) == isAnd ? right.Evaluate(locals) : value;
    }
}

internal sealed class Not(JinjaSource source, int offset, Expression operand) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => [operand];

    public override object Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        return !Operations.IsTrue(operand.Evaluate(locals));
    }
}

/// <summary><c>value if condition else otherwise</c>.</summary>
internal sealed class Conditional(JinjaSource source, int offset, Expression condition, Expression value, Expression? otherwise) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => otherwise is null ? [condition, value] : [condition, value, otherwise];

    public override void Bind(Scope scope) => base.Bind(scope with { IsSoft = true });

    public override object? Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        if (Operations.IsTrue(condition.Evaluate(locals))) return value.Evaluate(locals);
        return otherwise is null ? locals.Run.NewUndefined("the inline if-expression evaluated to false and no else section was defined.") : otherwise.Evaluate(locals);
    }
}

/// <summary><c>value.name</c>.</summary>
internal sealed class AttributeExpression(JinjaSource source, int offset, Expression value, string name) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => [value];

    public override object? Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        var owner = value.Evaluate(locals);
        locals.Run.At = this;
        return Operations.GetAttribute(locals.Run, owner, name);
    }
}

/// <summary><c>value[key]</c>.</summary>
internal sealed class ItemExpression(JinjaSource source, int offset, Expression value, Expression key) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => [value, key];

    public override object? Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        var (owner, item) = (value.Evaluate(locals), key.Evaluate(locals));
        locals.Run.At = this;
        return Operations.GetItem(locals.Run, owner, item);
    }
}

/// <summary><c>value[start:stop:step]</c>.</summary>
internal sealed class SliceExpression(JinjaSource source, int offset, Expression value, Expression? start, Expression? stop, Expression? step) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => new Node?[] { value, start, stop, step }.OfType<Node>();

    public override object Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        var (owner, first, last, by) = (value.Evaluate(locals), start?.Evaluate(locals), stop?.Evaluate(locals), step?.Evaluate(locals));
        locals.Run.At = this;
        return Operations.Slice(owner, first, last, by);
    }
}

/// <summary>What is in the parentheses of a call.</summary>
/// <param name="Positional">Arguments without names.</param>
/// <param name="Named">Arguments with names.</param>
/// <param name="More">What follows <c>*</c>.</param>
/// <param name="MoreNamed">What follows <c>**</c>.</param>
internal sealed record ArgumentList(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named, Expression? More, Expression? MoreNamed)
{
    public static readonly ArgumentList Empty = new([], [], null, null);

    public IEnumerable<Node> Children => [.. Positional, .. Named.Select(argument => argument.Value), .. new Node?[] { More, MoreNamed }.OfType<Node>()];

    /// <summary>Evaluates the arguments of an operation; a value can come before them.</summary>
    public CallArguments Evaluate(Locals locals, Node operation, object? first, bool hasFirst, JinjaObject? caller = null)
    {
        if (Named.Count == 0 && More is null && MoreNamed is null && caller is null)
        {
            var values = new object?[Positional.Count + (hasFirst ? 1 : 0)];
            var place = 0;
            if (hasFirst) values[place++] = first;
            foreach (var argument in Positional) values[place++] = argument.Evaluate(locals);
            locals.Run.At = operation;
            return new CallArguments(locals.Run, values, []);
        }

        List<object?> positional = hasFirst ? [first] : [];
        foreach (var argument in Positional) positional.Add(argument.Evaluate(locals));
        var named = new List<KeyValuePair<string, object?>>();
        foreach (var (name, value) in Named) Add(name, value.Evaluate(locals));
        if (caller is not null) Add("caller", caller);
        var more = More?.Evaluate(locals);
        var moreNamed = MoreNamed?.Evaluate(locals);
        locals.Run.At = operation;
        if (More is not null) positional.AddRange(Operations.Enumerate(more));
        if (MoreNamed is not null)
        {
            if (moreNamed is not PythonDict dict) throw (moreNamed as Undefined)?.Failure() ?? new TemplateError($"argument after ** must be a mapping, not {Operations.TypeName(moreNamed)}");
            foreach (var (key, value) in dict.Items) Add(Operations.AsText(key) ?? throw new TemplateError("keywords must be strings"), value);
        }

        return new CallArguments(locals.Run, positional, named);

        void Add(string name, object? value)
        {
            locals.Run.At = operation;
            if (named.Exists(argument => argument.Key == name)) throw new TemplateError($"got multiple values for keyword argument '{name}'");
            named.Add(new(name, value));
        }
    }
}

/// <summary><c>function(arguments)</c>.</summary>
internal sealed class Call(JinjaSource source, int offset, Expression function, ArgumentList arguments) : Expression(source, offset)
{
    public override IEnumerable<Node> Children => [function, .. arguments.Children];

    public override object? Evaluate(Locals locals) =>
        EvaluateSignal(locals) is var value && value is ReturnSignal signal ? throw new MacroReturnException(signal.Value) : value;

    /// <summary>Calls it; the value of <c>return()</c> comes as signal, for a statement that can end the macro without an exception.</summary>
    public object? EvaluateSignal(Locals locals, JinjaObject? caller = null)
    {
        JinjaRun.EnsureStack();
        var callee = function.Evaluate(locals);
        var given = arguments.Evaluate(locals, this, first: null, hasFirst: false, caller);
        return Operations.Call(callee, given);
    }
}

/// <summary><c>value | filter(arguments)</c>.</summary>
internal sealed class FilterExpression(JinjaSource source, int offset, Expression? value, string name, ArgumentList arguments) : Expression(source, offset)
{
    private Func<CallArguments, object?>? _filter;

    public override IEnumerable<Node> Children => value is null ? arguments.Children : [value, .. arguments.Children];

    public override void Bind(Scope scope)
    {
        _filter = scope.Environment.FindFilter(name);
        if (_filter is null && !scope.IsSoft) throw Fault(Filters.Missing(name));
        base.Bind(scope);
    }

    public override object? Evaluate(Locals locals) => Apply(locals, value!.Evaluate(locals));

    /// <summary>Applies it, and those before it, to the text of a block.</summary>
    public object? Apply(Locals locals, string text) => Apply(locals, value is FilterExpression before ? before.Apply(locals, text) : (object?)text);

    private object? Apply(Locals locals, object? input)
    {
        JinjaRun.EnsureStack();
        var given = arguments.Evaluate(locals, this, input, hasFirst: true);
        return _filter is null ? throw new TemplateError(Filters.Missing(name)) : _filter(given);
    }
}

/// <summary><c>value is test(arguments)</c>.</summary>
internal sealed class TestExpression(JinjaSource source, int offset, Expression value, string name, ArgumentList arguments) : Expression(source, offset)
{
    private Func<CallArguments, object?>? _test;

    public override IEnumerable<Node> Children => [value, .. arguments.Children];

    public override void Bind(Scope scope)
    {
        _test = Tests.Find(name);
        if (_test is null && !scope.IsSoft) throw Fault($"There is no test '{name}'.");
        base.Bind(scope);
    }

    public override object? Evaluate(Locals locals)
    {
        JinjaRun.EnsureStack();
        var given = arguments.Evaluate(locals, this, value.Evaluate(locals), hasFirst: true);
        return _test is null ? throw new TemplateError($"There is no test '{name}'.") : _test(given);
    }
}

internal static class ExpressionExtensions
{
    public static List<object?> Evaluate(this IReadOnlyList<Expression> expressions, Locals locals)
    {
        var values = new List<object?>(expressions.Count);
        foreach (var expression in expressions) values.Add(expression.Evaluate(locals));
        return values;
    }
}
