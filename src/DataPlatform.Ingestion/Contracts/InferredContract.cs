using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>Makes a contract of columns whose types were found by looking.</summary>
internal static class InferredContract
{
    /// <param name="text">Where they were found.</param>
    /// <param name="columns">The names the text has for them, with what was seen.</param>
    /// <param name="target">The target table's columns: those that it has keep their type, those that it lacks are left out.</param>
    public static Contract Create(ISourceText text, IReadOnlyList<(string SourceName, TypeInference Type)> columns, Schema? target) =>
        Create(text, [.. columns.Select(column => (column.SourceName, Field: column.Type.ToField(column.SourceName)))], target);

    /// <param name="text">Where they were found.</param>
    /// <param name="columns">The names the text has for them, with their types.</param>
    /// <param name="target">The target table's columns: those that it has keep their type, those that it lacks are left out.</param>
    public static Contract Create(ISourceText text, IReadOnlyList<(string SourceName, Field Field)> columns, Schema? target)
    {
        var result = new List<ContractColumn>(columns.Count);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < columns.Count; i++)
        {
            var (sourceName, field) = columns[i];
            var name = NameOf(sourceName, i);
            if (!names.TryAdd(name, sourceName))
            {
                throw text.Invalid(
                    $"has columns '{names[name]}' and '{sourceName}', which both give a column {name}.",
                    "Declare the columns with a record, and say with [Column(\"…\")] which of them you mean.");
            }

            var known = target?.GetFieldIndex(name) is >= 0 and var index ? target.GetFieldByIndex(index) : null;
            if (target is null || known is not null)
                result.Add(new ContractColumn(new Field(name, (known ?? field).DataType, known?.IsNullable ?? true, (known ?? field).Metadata), sourceName.Length > 0 ? sourceName : name));
        }

        return result.Count > 0
            ? new Contract(result) { IsInferred = true }
            : throw text.Invalid($"has no column that the target table has: {string.Join(", ", names.Keys)}.", "Load it into a table of its own.");
    }

    /// <summary>The column that a name in a file stands for.</summary>
    public static string NameOf(string sourceName, int place) => ColumnName.Normalize(sourceName) is { Length: > 0 } name ? name : $"column_{place + 1}";
}
