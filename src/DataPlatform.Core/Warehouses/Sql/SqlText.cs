namespace DataPlatform.Warehouses;

/// <summary>SQL as somebody wrote it, and where: what messages about it point into.</summary>
/// <param name="Text">The SQL.</param>
/// <param name="Origin">The file as it was named, or what stands for one.</param>
internal sealed record SqlText(string Text, string Origin)
{
    private const string Inline = "inline SQL";

    /// <summary>Whether the source is the path of a file rather than SQL.</summary>
    public static bool IsFile(string source) => source.EndsWith(".sql", StringComparison.OrdinalIgnoreCase);

    /// <summary>Takes SQL as it is, or reads its file.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: there is no such file.</exception>
    public static SqlText Load(string source)
    {
        if (!IsFile(source)) return new SqlText(source, Inline);
        string[] places = [.. new[] { Path.Combine(AppContext.BaseDirectory, source), Path.GetFullPath(source) }.Distinct(StringComparer.Ordinal)];
        var found = Array.Find(places, File.Exists) ?? throw new DataPlatformException(
            FailureClass.Configuration,
            $"There is no SQL file {string.Join(" and no ", places)}.",
            "Copy it next to the program: <Content Include=\"sql/**\" CopyToOutputDirectory=\"PreserveNewest\" /> in the project file does so at every build.");
        return new SqlText(File.ReadAllText(found), source);
    }

    /// <summary>A failure of the SQL as it was written at an offset, with the line it is in.</summary>
    public DataPlatformException Fault(int offset, string problem, string? hint = null, Exception? innerException = null) =>
        Fault(FailureClass.Configuration, offset, problem, hint, innerException);

    /// <summary>A failure of the SQL at an offset, with the line it is in.</summary>
    public DataPlatformException Fault(FailureClass failureClass, int offset, string problem, string? hint, Exception? innerException)
    {
        offset = Math.Clamp(offset, 0, Text.Length);
        var before = Text.AsSpan(0, offset);
        var line = before.Count('\n') + 1;
        var start = before.LastIndexOf('\n') + 1;
        var length = Text.AsSpan(start).IndexOf('\n');
        var content = (length < 0 ? Text[start..] : Text.Substring(start, length)).TrimEnd('\r').Replace('\t', ' ');
        var column = offset - start + 1;
        return new DataPlatformException(
            failureClass,
            $"{Origin}:{line}:{column}: {problem}{Environment.NewLine}    {content}{Environment.NewLine}    {new string(' ', column - 1)}^",
            hint,
            innerException);
    }
}
