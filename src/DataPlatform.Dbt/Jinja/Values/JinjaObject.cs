using System.Diagnostics.CodeAnalysis;

namespace DataPlatform.Dbt.Jinja;

/// <summary>
/// A value of a template that is not None (null), a bool, a whole number (long, or BigInteger beyond it), a double or a string.
/// Objects and functions of a host derive from it.
/// </summary>
internal abstract class JinjaObject
{
    /// <summary>What Python calls the type.</summary>
    public abstract string TypeName { get; }

    public virtual bool IsTrue => true;

    public virtual bool IsCallable => false;

    /// <summary>Whether it has a length and items in brackets.</summary>
    public virtual bool IsSequence => false;

    /// <summary>Whether it has values by keys.</summary>
    public virtual bool IsMapping => false;

    /// <summary>How many items there are, or null when it has no length.</summary>
    public virtual int? Length => null;

    /// <summary>Finds what stands behind a dot.</summary>
    public virtual bool TryGetAttribute(string name, out object? value)
    {
        value = null;
        return false;
    }

    /// <summary>Finds what stands in brackets.</summary>
    public virtual bool TryGetItem(object? key, out object? value)
    {
        value = null;
        return false;
    }

    /// <summary>Begins an iteration, or returns null when it cannot be iterated.</summary>
    public virtual IEnumerator<object?>? Iterate() => null;

    /// <exception cref="TemplateError">It is not callable, or refuses the arguments.</exception>
    public virtual object? Call(CallArguments arguments) => throw new TemplateError($"'{TypeName}' object is not callable");

    /// <summary>What <c>repr()</c> gives.</summary>
    public virtual string Repr() => $"<{TypeName}>";

    /// <summary>What printing gives.</summary>
    public virtual string Print() => Repr();

    /// <summary>Python's <c>==</c>.</summary>
    public virtual bool ValueEquals(object? other) => ReferenceEquals(this, other);

    /// <summary>The order of this and another value, or null when they have none.</summary>
    public virtual int? Compare(object? other) => null;

    /// <summary>Does an arithmetic operation with another value, this one on the left of it or on the right.</summary>
    public virtual bool TryCalculate(string op, object? other, bool isLeft, out object? value)
    {
        value = null;
        return false;
    }

    /// <summary>A hash that agrees with <see cref="ValueEquals"/>.</summary>
    /// <exception cref="TemplateError">It can change, and so cannot be a key.</exception>
    public virtual int ValueHash() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    [DoesNotReturn]
    protected static int Unhashable(string type) => throw new TemplateError($"unhashable type: '{type}'");
}

/// <summary>What stands for a name, attribute or item that there is not.</summary>
internal sealed class Undefined(string message, bool isLenient, string? hint = null) : JinjaObject
{
    public override string TypeName => "Undefined";

    public override bool IsTrue => false;

    public override bool IsCallable => true;

    public override bool IsSequence => true;

    public override int? Length => 0;

    public override bool TryGetAttribute(string name, out object? value) => TryGetItem(name, out value);

    public override bool TryGetItem(object? key, out object? value)
    {
        if (!isLenient) throw Failure();
        value = this;
        return true;
    }

    public override object? Call(CallArguments arguments) => isLenient ? this : throw Failure();

    public override IEnumerator<object?> Iterate() => Enumerable.Empty<object?>().GetEnumerator();

    public override string Repr() => "Undefined";

    public override string Print() => "";

    public override bool ValueEquals(object? other) => other is Undefined;

    public override int ValueHash() => 0;

    /// <summary>What its use means.</summary>
    public TemplateError Failure() => new(message, hint);
}

/// <summary>Text that is HTML already: <c>escape</c> leaves it alone, and text that is added to it is escaped.</summary>
internal sealed class Markup(string text) : JinjaObject
{
    public string Text { get; } = text;

    public override string TypeName => "Markup";

    public override bool IsTrue => Text.Length > 0;

    public override bool IsSequence => true;

    public override int? Length => CodePoints.Count(Text);

    public override bool TryGetAttribute(string name, out object? value) => StringMethods.TryGetOfMarkup(this, name, out value);

    public override bool TryGetItem(object? key, out object? value)
    {
        if (!PythonSequence.TryGetItem(Text, key, out value)) return false;
        value = new Markup((string)value!);
        return true;
    }

    public override IEnumerator<object?> Iterate() => CodePoints.Split(Text).GetEnumerator();

    public override string Repr() => $"Markup({PythonText.Repr(Text)})";

    public override string Print() => Text;

    public override bool ValueEquals(object? other) => other is Markup markup ? markup.Text == Text : other is string text && text == Text;

    public override int ValueHash() => Text.GetHashCode(StringComparison.Ordinal);
}

/// <summary>A function of a host, or a method of a value.</summary>
internal sealed class JinjaFunction(string name, Func<CallArguments, object?> body) : JinjaObject
{
    public override string TypeName => "function";

    public override bool IsCallable => true;

    public override object? Call(CallArguments arguments) => body(arguments);

    public override string Repr() => $"<function {name}>";
}

/// <summary>What <c>return(value)</c> gives: the statement that it is in ends the macro.</summary>
internal sealed class ReturnSignal(object? value) : JinjaObject
{
    /// <summary>The function that a host puts in as <c>return</c>.</summary>
    public static JinjaFunction Function { get; } = new("return", Signature.Of("return data?", (_, arguments) => new ReturnSignal(arguments.Has(0) ? arguments[0] : null)));

    public override string TypeName => "return";

    public object? Value { get; } = value;
}
