using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Context;

/// <summary>An index that is configured: what <c>adapter.parse_index</c> gives.</summary>
internal static class IndexConfig
{
    public static TemplateObject Parse(object? written)
    {
        if (written is not PythonDict dict) throw new TemplateError($"An index is a map with columns, unique and type, not {Representation.Of(written)}.");
        foreach (var key in dict.Keys.Select(Representation.Print))
            if (key is not ("columns" or "unique" or "type")) throw new TemplateError($"'{key}' is no key of an index: there are columns, unique and type.");
        if (dict.Get("columns") is not PythonSequence { Items.Count: > 0 } columns) throw new TemplateError("An index needs columns: a list of one or more.");
        var (isUnique, type) = (dict.Get("unique") is true, dict.Get("type"));
        return new TemplateObject("index").Add("columns", columns).Add("unique", isUnique).Add("type", type)
            // The same index of the same relation has the same name.
            .Method("render relation", a => Hashes.Md5($"{string.Join('_', columns.Items.Select(Representation.Print))}_{Representation.Print(a[0])}_{isUnique}_{type}"));
    }
}
