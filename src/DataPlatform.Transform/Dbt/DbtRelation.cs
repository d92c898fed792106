using System.Text;

namespace DataPlatform.Transform;

/// <summary>Reads relations as dbt writes them into artifacts: <c>"analytics"."raw"."trips"</c>.</summary>
internal static class DbtRelation
{
    /// <summary>The names of a relation, without quotes: those of database and schema, as far as it has them, and its own.</summary>
    public static IReadOnlyList<string> Parse(string relation)
    {
        var (names, name, quoted) = (new List<string>(), new StringBuilder(), false);
        for (var i = 0; i < relation.Length; i++)
        {
            switch (relation[i])
            {
                case '"' when quoted && i + 1 < relation.Length && relation[i + 1] == '"':
                    name.Append(relation[i++]);
                    break;
                case '"':
                    quoted = !quoted;
                    break;
                case '.' when !quoted:
                    names.Add(name.ToString());
                    name.Clear();
                    break;
                default:
                    name.Append(relation[i]);
                    break;
            }
        }

        names.Add(name.ToString());
        return names;
    }
}
