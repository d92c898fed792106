namespace DataPlatform.Transform;

/// <summary>Writes a row for people: <c>trip_id=17, started=2026-01-31</c>, cut off when it is long.</summary>
internal static class RowText
{
    private const int MaxLength = 200;

    public static string From(IEnumerable<string> columns, IEnumerable<object?> values)
    {
        var text = string.Join(", ", columns.Zip(values, (column, value) => $"{column}={ValueText.From(value)}"));
        return text.Length <= MaxLength ? text : $"{text[..MaxLength]}…";
    }
}
