namespace DataPlatform.Dbt.Jinja;

/// <summary>A template's text as Jinja reads it, and where it is from.</summary>
internal sealed class JinjaSource
{
    public JinjaSource(string text, string origin)
    {
        var lines = text.Contains('\r') ? text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') : text;
        Text = lines.EndsWith('\n') ? lines[..^1] : lines;
        Origin = origin;
    }

    /// <summary>The text: every line break is a line feed, and one at its end is dropped.</summary>
    public string Text { get; }

    /// <summary>The file as it was named, or what stands for one.</summary>
    public string Origin { get; }

    /// <summary>Line and column of an offset, from 1.</summary>
    public (int Line, int Column) Place(int offset)
    {
        var before = Text.AsSpan(0, Math.Min(offset, Text.Length));
        return (before.Count('\n') + 1, before.Length - before.LastIndexOf('\n'));
    }

    /// <summary>The line that an offset is in.</summary>
    public string Line(int offset)
    {
        var start = Text.AsSpan(0, Math.Min(offset, Text.Length)).LastIndexOf('\n') + 1;
        var length = Text.AsSpan(start).IndexOf('\n');
        return (length < 0 ? Text[start..] : Text.Substring(start, length)).Replace('\t', ' ');
    }

    public JinjaException Fault(int offset, string problem, string? hint = null, Exception? innerException = null) =>
        new(this, offset, problem, hint, innerException);
}
