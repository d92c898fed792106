using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>Makes a contract of columns whose types were found by looking.</summary>
internal static class InferredContract
{
    /// <param name="text">Where they were found.</param>
    /// <param name="columns">The names the text has for them, with what was seen.</param>
    public static Contract Create(ISourceText text, IReadOnlyList<(string SourceName, TypeInference Type)> columns) => Create(text, columns, (name, sourceName, seen) =>
        new ContractColumn(seen.ToField(name), sourceName) { IsUnseen = seen.IsUnseen, Narrowest = new Field(name, seen.NarrowestType, nullable: true) });

    /// <param name="text">Where they were found.</param>
    /// <param name="columns">The names the text has for them, with their types.</param>
    public static Contract Create(ISourceText text, IReadOnlyList<(string SourceName, Field Field)> columns) => Create(text, columns, (name, sourceName, field) =>
        new ContractColumn(new Field(name, field.DataType, nullable: true, field.Metadata), sourceName));

    private static Contract Create<T>(ISourceText text, IReadOnlyList<(string SourceName, T Seen)> columns, Func<string, string, T, ContractColumn> create)
    {
        var result = new List<ContractColumn>(columns.Count);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < columns.Count; i++)
        {
            var (sourceName, seen) = columns[i];
            var name = NameOf(sourceName, i);
            if (!names.TryAdd(name, sourceName))
            {
                throw text.Invalid(
                    $"has columns '{names[name]}' and '{sourceName}', which both give a column {name}.",
                    "Declare the columns with a record, and say with [Column(\"…\")] which of them you mean.");
            }

            result.Add(create(name, sourceName.Length > 0 ? sourceName : name, seen));
        }

        return new Contract(result) { IsInferred = true };
    }

    /// <summary>The column that a name in a file stands for.</summary>
    public static string NameOf(string sourceName, int place) => ColumnName.Normalize(sourceName) is { Length: > 0 } name ? name : $"column_{place + 1}";
}
