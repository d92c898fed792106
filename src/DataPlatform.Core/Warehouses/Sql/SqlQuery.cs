using DataPlatform.Pipelines;

namespace DataPlatform.Warehouses;

/// <summary>
/// A SELECT with named holes. Its source is SQL, or the path of a file ending in <c>.sql</c>, looked for in the program's folder and then in the
/// working directory. In it <c>@name</c> stands for a value and <c>{name}</c> for a table; <c>@run_date</c>, the run's logical date, and
/// <c>@run_id</c> always have values. Names within strings, quoted names and comments are left alone.
/// </summary>
public sealed class SqlQuery
{
    private static readonly HashSet<string> AlwaysThere = new(["run_date", "run_id"], StringComparer.Ordinal);

    private readonly Dictionary<string, object?> _parameters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TableName> _relations = new(StringComparer.Ordinal);

    /// <summary>The SELECT, or the path of a file ending in <c>.sql</c> that holds one.</summary>
    public required string Source { get; set; }

    /// <summary>Gives the parameter <c>@name</c> its value: text, number, boolean, date, time, UUID or null.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: the value is of another type, or the name is taken.</exception>
    public void SetParameter(string name, object? value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (AlwaysThere.Contains(name))
            throw new DataPlatformException(FailureClass.Configuration, $"Parameter @{name} is the run's own.", "Give yours another name.");
        SqlLiteral.From(value);
        _parameters[name] = value;
    }

    /// <summary>Gives the relation <c>{name}</c> its table.</summary>
    public void SetRelation(string name, TableName table)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        _relations[name] = table;
    }

    /// <summary>Checks that the file is there, holds one SELECT, and that every name in it is known and every name given is used.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not so; the message names file, line and column.</exception>
    public void Check() => Render(DateOnly.MinValue, "");

    /// <summary>Fills the holes for a run.</summary>
    /// <exception cref="DataPlatformException">As for <see cref="Check"/>.</exception>
    public SqlStatement Render(RunInfo run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return Render(run.LogicalDate, run.RunId);
    }

    private SqlStatement Render(DateOnly runDate, string runId) =>
        SqlTemplate.Parse(SqlText.Load(Source)).Render(
            new Dictionary<string, object?>(_parameters, StringComparer.Ordinal) { ["run_date"] = runDate, ["run_id"] = runId },
            _relations,
            AlwaysThere);
}
