using System.Runtime.CompilerServices;

namespace DataPlatform.Dbt.Jinja;

/// <summary>What names that a template does not define stand for.</summary>
internal interface IJinjaNames
{
    /// <summary>Finds what a name stands for. A template, a macro's call and a loop's turn ask, when they begin, for each name that they use and that is not set around them.</summary>
    bool TryResolve(string name, out object? value);
}

/// <summary>Names in a dictionary.</summary>
internal sealed class JinjaNames(IReadOnlyDictionary<string, object?> values) : IJinjaNames
{
    public bool TryResolve(string name, out object? value) => values.TryGetValue(name, out value);
}

/// <summary>What may be done with a name that is not defined.</summary>
internal enum UndefinedMode
{
    /// <summary>It prints nothing and is false; its attributes, items and calls are errors. dbt compiles and runs so.</summary>
    Strict,

    /// <summary>Its attributes, items and calls are undefined again. dbt parses so.</summary>
    Lenient,
}

/// <summary>What keeps a template from running on for ever.</summary>
internal sealed record JinjaLimits
{
    /// <summary>Turns of all loops of one rendering together.</summary>
    public long Iterations { get; init; } = 10_000_000;

    /// <summary>Macros and callers inside each other.</summary>
    public int Depth { get; init; } = 400;

    /// <summary>The most characters of a text and items of a list.</summary>
    public const int Size = 1 << 26;
}

/// <summary>One rendering of a template, or one call of a macro from outside, with all that these call. For one thread at a time.</summary>
internal sealed class JinjaRun(JinjaEnvironment environment, UndefinedMode undefinedMode = UndefinedMode.Strict, JinjaLimits? limits = null, CancellationToken cancellationToken = default)
{
    private readonly JinjaLimits _limits = limits ?? new JinjaLimits();
    private long _iterations;
    private int _depth;

    public JinjaEnvironment Environment { get; } = environment;

    public UndefinedMode UndefinedMode { get; } = undefinedMode;

    public CancellationToken CancellationToken { get; } = cancellationToken;

    /// <summary>The node whose operation runs: where an error is.</summary>
    public Node? At { get; set; }

    /// <summary>The value of the <c>return()</c> that ends the current macro.</summary>
    public object? ReturnValue { get; set; }

    public Undefined NewUndefined(string message) => new(message, UndefinedMode == UndefinedMode.Lenient);

    /// <summary>Counts a turn of a loop.</summary>
    public void Iterate()
    {
        CancellationToken.ThrowIfCancellationRequested();
        if (++_iterations > _limits.Iterations)
            throw new TemplateError($"The template's loops took more than {_limits.Iterations} turns.", "Loop over less: work on many rows belongs into SQL.");
    }

    /// <summary>Enters a macro or caller.</summary>
    public void Enter()
    {
        CancellationToken.ThrowIfCancellationRequested();
        if (_depth >= _limits.Depth) throw new TemplateError($"Macros call each other more than {_limits.Depth} levels deep.", "A macro calls itself without end.");
        EnsureStack();
        _depth++;
    }

    public void Leave() => _depth--;

    /// <exception cref="TemplateError">A text or list would be too long.</exception>
    public static int EnsureSize(long size) =>
        size <= JinjaLimits.Size ? (int)size : throw new TemplateError($"The result would have {size} characters or items: at most {JinjaLimits.Size} are allowed.");

    public static void EnsureStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new TemplateError("This is nested too deeply.");
    }
}
