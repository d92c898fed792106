namespace DataPlatform.Dbt.Jinja;

/// <summary>A part of a template. It is built by the parser, gives its names their places once, and is then only read.</summary>
internal abstract class Node(JinjaSource source, int offset)
{
    public JinjaSource Source { get; } = source;

    public int Offset { get; } = offset;

    /// <summary>The parts of it, in Jinja's order.</summary>
    public virtual IEnumerable<Node> Children => [];

    /// <summary>Tells the scope that it stands in which names it reads and sets.</summary>
    public virtual void Declare(Symbols symbols)
    {
        JinjaRun.EnsureStack();
        foreach (var child in Children) child.Declare(symbols);
    }

    /// <summary>Finds the places of its names, and the filters and tests that it uses.</summary>
    public virtual void Bind(Scope scope)
    {
        JinjaRun.EnsureStack();
        foreach (var child in Children) child.Bind(scope);
    }

    protected JinjaException Fault(string problem, string? hint = null) => Source.Fault(Offset, problem, hint);
}

/// <summary>How a statement ended.</summary>
internal enum Completion
{
    Normal, Break, Continue, Return,
}

/// <summary>A statement: it writes text.</summary>
internal abstract class Statement(JinjaSource source, int offset) : Node(source, offset)
{
    public abstract Completion Execute(Locals locals, System.Text.StringBuilder output);
}

/// <summary>An expression: it has a value.</summary>
internal abstract class Expression(JinjaSource source, int offset) : Node(source, offset)
{
    public abstract object? Evaluate(Locals locals);
}

/// <summary>What a value can be given to.</summary>
internal abstract class Target(JinjaSource source, int offset) : Node(source, offset)
{
    public abstract void Assign(Locals locals, object? value);

    /// <summary>The same once more, to be bound in another scope.</summary>
    public abstract Target Copy();

    /// <summary>Declares the names as those of a loop or macro, which have a value from its beginning.</summary>
    public abstract void DeclareParameters(Symbols symbols);
}

/// <summary>Statements one after the other.</summary>
internal sealed class Block(JinjaSource source, int offset, IReadOnlyList<Statement> statements) : Statement(source, offset)
{
    private readonly Statement[] _statements = [.. statements];

    public IReadOnlyList<Statement> Statements => _statements;

    public override IEnumerable<Node> Children => _statements;

    public override Completion Execute(Locals locals, System.Text.StringBuilder output)
    {
        JinjaRun.EnsureStack();
        foreach (var statement in _statements)
            if (statement.Execute(locals, output) is not Completion.Normal and var completion) return completion;
        return Completion.Normal;
    }
}

/// <summary>A whole template.</summary>
internal sealed class TemplateNode(JinjaSource source, Block body) : Node(source, 0)
{
    public Block Body { get; } = body;

    public override IEnumerable<Node> Children => [Body];
}
