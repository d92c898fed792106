using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>A template that cannot be read or that failed, with the place in it.</summary>
internal sealed class JinjaException : DataPlatformException
{
    private const int MaxCallers = 10;

    /// <param name="source">The template.</param>
    /// <param name="offset">Where it is wrong.</param>
    /// <param name="problem">What is wrong, without the place.</param>
    /// <param name="hint">What to do next.</param>
    /// <param name="innerException">The cause.</param>
    /// <param name="callers">The macros it happened in and where they were called, the innermost first.</param>
    public JinjaException(JinjaSource source, int offset, string problem, string? hint = null, Exception? innerException = null, IReadOnlyList<string>? callers = null)
        : base(FailureClass.Configuration, problem, hint, innerException)
    {
        (Line, Column) = source.Place(offset);
        File = source.Origin;
        var message = new StringBuilder($"{File}:{Line}:{Column}: {problem}\n    {source.Line(offset)}\n    {new string(' ', Column - 1)}^");
        foreach (var caller in (callers ?? []).Take(MaxCallers)) message.Append("\n  ").Append(caller);
        if (callers?.Count > MaxCallers) message.Append($"\n  and {callers.Count - MaxCallers} more");
        Message = message.ToString();
    }

    public string File { get; }

    /// <summary>From 1.</summary>
    public int Line { get; }

    /// <summary>From 1.</summary>
    public int Column { get; }

    /// <summary>What is wrong, without the place.</summary>
    public string Problem => base.Message;

    /// <inheritdoc/>
    public override string Message { get; }
}
