using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>Which field of a CSV row is for which column of the contract.</summary>
/// <param name="FieldCount">How many fields a row has, or 0 when the first row is to say.</param>
/// <param name="FieldOf">The field of each column, or -1 when the file has none.</param>
/// <param name="Names">The names in the header, or null when there is none.</param>
internal sealed record CsvColumns(int FieldCount, int[] FieldOf, IReadOnlyList<string>? Names)
{
    /// <summary>Finds the fields by the header's names.</summary>
    /// <exception cref="DataPlatformException">A column that may not be NULL has no field, one has two fields, or none has one.</exception>
    public static CsvColumns Map(IReadOnlyList<string>? header, SourceContext context, ISourceText file, CsvOptions options)
    {
        var columns = context.Contract.Columns;
        if (header is null)
        {
            // Columns that were found by looking are named by their places, and the table decides which of them there are.
            if (context.Contract.IsInferred && Enumerable.Range(0, columns.Count).FirstOrDefault(i => columns[i].Name != InferredContract.NameOf("", i), -1) is var other and >= 0)
            {
                throw file.Invalid(
                    $"has no header, so its fields are for columns by their places, and field {other + 1} would go into {columns[other].Name}: the columns of the table are not the fields of the file.",
                    "Declare the columns with a record, or load the files into a table of their own.");
            }

            return new CsvColumns(context.Contract.IsInferred ? 0 : columns.Count, [.. Enumerable.Range(0, columns.Count)], null);
        }

        var fields = header.Select((name, i) => (Name: InferredContract.NameOf(name, i), Place: i)).ToLookup(field => field.Name, field => field.Place, StringComparer.Ordinal);
        var fieldOf = new int[columns.Count];
        for (var i = 0; i < fieldOf.Length; i++)
        {
            var column = columns[i];
            int[] found = [.. fields[ColumnName.Normalize(column.SourceName) is { Length: > 0 } name ? name : column.Name]];
            if (found.Length > 1)
                throw file.Invalid($"has {found.Length} columns for {column.Name}: {string.Join(", ", found.Select(f => $"'{header[f]}'"))}.", "Say with [Column(\"…\")] which one is meant, or have one of them renamed.");
            if (found.Length == 0 && !column.IsNullable) throw Missing(column, header, file, options);
            fieldOf[i] = found.Length == 0 ? -1 : found[0];
        }

        if (Array.TrueForAll(fieldOf, field => field < 0)) throw file.Foreign(columns, header);
        Log(header, fieldOf, context, file);
        return new CsvColumns(header.Count, fieldOf, header);
    }

    private static DataPlatformException Missing(ContractColumn column, IReadOnlyList<string> header, ISourceText file, CsvOptions options)
    {
        var separator = header.Count == 1 ? ";\t|,".FirstOrDefault(c => c != options.Delimiter && header[0].Contains(c, StringComparison.Ordinal)) : default;
        return file.Invalid(
            $"has no column '{column.SourceName}', which the contract needs for {column.Name}. Its header has: {string.Join(", ", header)}.",
            separator != default
                ? $"The file seems to be separated by '{separator}': set CsvOptions.Delimiter."
                : "Say with [Column(\"…\")] what the file calls it, or let the property be nullable.");
    }

    private static void Log(IReadOnlyList<string> header, int[] fieldOf, SourceContext context, ISourceText file)
    {
        var ignored = header.Where((_, i) => !fieldOf.Contains(i)).ToArray();
        if (ignored.Length > 0) context.Logger.LogInformation("{File}: columns that are not in the contract are left out: {Columns}", file.Name, string.Join(", ", ignored));
        var missing = context.Contract.Columns.Where((_, i) => fieldOf[i] < 0).Select(c => c.Name).ToArray();
        if (missing.Length > 0) context.Logger.LogInformation("{File}: columns that the file does not have stay NULL: {Columns}", file.Name, string.Join(", ", missing));
    }
}
