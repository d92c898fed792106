using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>A template that cannot be read or that failed, with the place in it.</summary>
internal sealed class JinjaException : DataPlatformException
{
    private const int MaxCallers = 10;

    private readonly List<string> _callers = [];
    private int _moreCallers;

    public JinjaException(JinjaSource source, int offset, string problem, string? hint, Exception? innerException = null)
        : base(FailureClass.Configuration, problem, hint, innerException)
    {
        (Line, Column) = source.Place(offset);
        (File, Excerpt) = (source.Origin, source.Line(offset));
    }

    public string File { get; }

    /// <summary>From 1.</summary>
    public int Line { get; }

    /// <summary>From 1.</summary>
    public int Column { get; }

    /// <summary>What is wrong, without the place.</summary>
    public string Problem => base.Message;

    /// <inheritdoc/>
    public override string Message
    {
        get
        {
            var text = new StringBuilder($"{File}:{Line}:{Column}: {Problem}\n    {Excerpt}\n    {new string(' ', Column - 1)}^");
            foreach (var caller in _callers) text.Append("\n  ").Append(caller);
            if (_moreCallers > 0) text.Append($"\n  and {_moreCallers} more");
            return text.ToString();
        }
    }

    private string Excerpt { get; }

    /// <summary>Adds where the macro that failed was called, the innermost first.</summary>
    public void AddCaller(string macro, JinjaSource source, int offset)
    {
        if (_callers.Count == MaxCallers)
        {
            _moreCallers++;
            return;
        }

        var (line, column) = source.Place(offset);
        _callers.Add($"in {macro}, called at {source.Origin}:{line}:{column}");
    }
}
