namespace DataPlatform.Dbt.Run;

/// <summary>Tells how two tables differ whose rows have no order.</summary>
internal static class TableDifference
{
    /// <returns>A line for each row that is in one of them only (+++ and ---) or that changed (→, with the expected value first), or null when they are equal.</returns>
    public static string? Find(IReadOnlyList<string> columns, IEnumerable<string?[]> expected, IEnumerable<string?[]> actual)
    {
        var missing = expected.Select(Show).ToList();
        var surplus = new List<string[]>();
        foreach (var row in actual.Select(Show))
            if (missing.FindIndex(other => other.AsSpan().SequenceEqual(row)) is >= 0 and var same) missing.RemoveAt(same);
            else surplus.Add(row);
        if (missing.Count + surplus.Count == 0) return null;
        var lines = new List<string[]> { (string[])["@@", .. columns] };
        foreach (var row in missing.Order(Comparer<string[]>.Create(Compare)))
        {
            // The one that is most like it is what became of it.
            var like = surplus.Count == 0 ? null : surplus.MaxBy(other => Common(row, other));
            if (like is null || (Common(row, like) == 0 && columns.Count > 1))
            {
                lines.Add(["---", .. row]);
                continue;
            }

            surplus.Remove(like);
            lines.Add(["→", .. row.Zip(like, (was, now) => was == now ? was : $"{was}→{now}")]);
        }

        foreach (var row in surplus.Order(Comparer<string[]>.Create(Compare))) lines.Add(["+++", .. row]);
        var widths = Enumerable.Range(0, columns.Count + 1).Select(place => lines.Max(line => line[place].Length)).ToArray();
        return string.Concat(lines.Select(line => string.Join(',', line.Select((cell, place) => place == columns.Count ? cell : cell.PadRight(widths[place]))) + "\n"));
    }

    private static string[] Show(string?[] row) => [.. row.Select(value => value switch { null => "NULL", "NULL" => "'NULL'", _ => value })];

    private static int Common(string[] row, string[] other) => row.Zip(other).Count(pair => pair.First == pair.Second);

    private static int Compare(string[]? row, string[]? other) => string.CompareOrdinal(string.Join('\0', row!), string.Join('\0', other!));
}
