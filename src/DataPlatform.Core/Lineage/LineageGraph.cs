namespace DataPlatform.Lineage;

/// <summary>Datasets and what was made of what, to walk along.</summary>
internal sealed class LineageGraph(IReadOnlyList<LineageRecord> records)
{
    private readonly ILookup<Dataset, LineageRecord> _byInput = records.Where(record => record.Input is not null).ToLookup(record => record.Input!);
    private readonly ILookup<Dataset, LineageRecord> _byOutput = records.ToLookup(record => record.Output);

    /// <summary>The dataset of that URI, that name, or whose name ends so: <c>raw.trips</c>.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: there is none, or there are several.</exception>
    public Dataset Find(string text)
    {
        var all = records.SelectMany(record => (Dataset?[])[record.Input, record.Output]).OfType<Dataset>().Distinct().ToList();
        var found = all.FindAll(dataset => dataset.ToString() == text || dataset.Name == text);
        if (found.Count == 0) found = all.FindAll(dataset => dataset.Name.EndsWith($".{text}", StringComparison.Ordinal) || dataset.Name.EndsWith($"/{text}", StringComparison.Ordinal));
        return found switch
        {
            [var only] => only,
            [] => throw new DataPlatformException(FailureClass.Configuration, $"No run has told of a dataset '{text}'.", "List what is known with: lineage list"),
            _ => throw new DataPlatformException(FailureClass.Configuration, $"There are {found.Count} datasets '{text}': {string.Join(", ", found)}.", "Give one of them in full."),
        };
    }

    /// <summary>What a dataset was made of, and what that was made of in turn, deepest last; each dataset is gone into once.</summary>
    public IEnumerable<(int Depth, LineageRecord Record)> Upstream(Dataset dataset) => Walk(dataset, _byOutput, record => record.Input, 0, []);

    /// <summary>What was made of a dataset, and what was made of that in turn.</summary>
    public IEnumerable<(int Depth, LineageRecord Record)> Downstream(Dataset dataset) => Walk(dataset, _byInput, record => record.Output, 0, []);

    private static IEnumerable<(int Depth, LineageRecord Record)> Walk(
        Dataset from, ILookup<Dataset, LineageRecord> records, Func<LineageRecord, Dataset?> next, int depth, HashSet<Dataset> seen)
    {
        if (!seen.Add(from)) yield break;
        foreach (var record in records[from])
        {
            yield return (depth, record);
            foreach (var further in next(record) is { } dataset ? Walk(dataset, records, next, depth + 1, seen) : []) yield return further;
        }
    }
}
