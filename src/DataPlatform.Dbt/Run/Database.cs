using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Warehouses;
using Npgsql;

namespace DataPlatform.Dbt.Run;

/// <summary>
/// One node's connection: what it does is one transaction. Templates ask for rows in the middle of an expression, so that it waits for the database where it is;
/// nodes run on threads of their own.
/// </summary>
internal sealed partial class Database(IWarehouse warehouse, EngineState state, CancellationToken cancellationToken) : IDisposable
{
    private static readonly TimeSpan InterruptInterval = TimeSpan.FromMilliseconds(20);

    private IWarehouseTransaction? _transaction;

    public bool IsDuckDb => state.System == "duckdb";

    /// <summary>What the last statement did, as dbt's adapters say it.</summary>
    public PythonDict LastResponse { get; private set; } = new();

    /// <summary>The statement that is what the node is for, once it is run.</summary>
    public string? Main { get; private set; }

    /// <summary>Rows that the last statement changed, or -1.</summary>
    public long LastRows { get; private set; } = -1;

    /// <summary>Runs SQL, of one or more statements, and returns the rows of the last that has some.</summary>
    public ResultTable Query(string sql)
    {
        if (TransactionWord().IsMatch(sql) && SqlStatements.Split(sql).ToList() is { Count: > 0 } statements && statements.Exists(statement => WordOf(statement) is not null))
        {
            // Macros may end transactions in their SQL.
            var last = new ResultTable([], []);
            foreach (var statement in statements)
            {
                switch (WordOf(statement))
                {
                    case null: last = Query(statement); break;
                    case "begin": break;
                    case var end: EndAndBegin(end); break;
                }
            }

            return last;
        }

        using var command = Connection.CreateCommand();
        command.CommandText = sql;
        // A query may take as long as it takes; cancellation ends it.
        command.CommandTimeout = 0;
        return Run(sql, command.Cancel, async () =>
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                string[] names = [];
                var rows = new List<object?[]>();
                do
                {
                    if (reader.FieldCount == 0) continue;
                    names = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)];
                    rows.Clear();
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                        rows.Add([.. Enumerable.Range(0, names.Length).Select(place => reader.IsDBNull(place) ? null : ResultTable.Convert(reader.GetValue(place)))]);
                }
                while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false));
                Respond(names.Length > 0 ? "SELECT" : "OK", names.Length > 0 ? rows.Count : reader.RecordsAffected);
                return new ResultTable(names, rows);
            }
        });
    }

    /// <summary>Runs the SQL that the node is for.</summary>
    public ResultTable QueryMain(string sql)
    {
        Main = sql;
        return Query(sql);
    }

    /// <summary>The columns of a query, which is not run.</summary>
    public IReadOnlyList<DbtColumn> Describe(string sql)
    {
        var query = $"select * from (\n{sql}\n) as __dbt_sbq where false limit 0";
        if (IsDuckDb) return [.. Query($"describe {query}").Rows.Select(row => new DbtColumn((string)row[0]!, (string)row[1]!))];
        using var command = Connection.CreateCommand();
        command.CommandText = query;
        return Run(query, command.Cancel, async () =>
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
                return (IReadOnlyList<DbtColumn>)[.. Enumerable.Range(0, reader.FieldCount).Select(place => new DbtColumn(reader.GetName(place), reader.GetDataTypeName(place).Split('(')[0]))];
        });
    }

    /// <summary>Runs the SQL that the node is for, whose last statement writes rows, and remembers how many.</summary>
    public void Write(string verb, string sql)
    {
        Main = sql;
        Execute(verb, sql);
    }

    /// <summary>Runs the SQL that makes the table that the node is for, and remembers how many rows it has.</summary>
    public void WriteTable(DbtRelation table, string sql)
    {
        Write("SELECT", sql);
        // DuckDB does not tell how many rows CREATE TABLE AS wrote.
        if (IsDuckDb) Respond("SELECT", (long)Query($"select count(*) from {table.Print()}").Rows.Single()[0]!);
    }

    /// <summary>Runs SQL without looking for rows in its answer, and remembers how many its last statement wrote.</summary>
    public void Execute(string verb, string sql)
    {
        if (SqlStatements.Split(sql).ToList() is { Count: > 1 } statements)
        {
            foreach (var statement in statements) Execute(verb, statement);
            return;
        }

        if (WordOf(sql) is not null)
        {
            Query(sql);
            return;
        }

        if (!Connection.CanCreateBatch)
        {
            using var statement = Connection.CreateCommand();
            statement.CommandText = sql;
            var rows = Run(sql, statement.Cancel, () => statement.ExecuteNonQueryAsync(cancellationToken));
            Respond(verb, rows);
            return;
        }

        using var batch = Connection.CreateBatch();
        var command = batch.CreateBatchCommand();
        command.CommandText = sql;
        batch.BatchCommands.Add(command);
        batch.Timeout = 0;
        Run(sql, batch.Cancel, () => batch.ExecuteNonQueryAsync(cancellationToken));
        // Npgsql's RecordsAffected has no rows of CREATE TABLE AS.
        Respond(verb, command is NpgsqlBatchCommand npgsql ? (long)npgsql.Rows : command.RecordsAffected);
    }

    public void Respond(string verb, long rows)
    {
        LastRows = rows;
        LastResponse = new PythonDict { ["_message"] = rows < 0 ? verb : string.Create(CultureInfo.InvariantCulture, $"{verb} {rows}"), ["code"] = verb, ["rows_affected"] = rows };
    }

    /// <summary>Takes a response that was kept for the last one.</summary>
    public void Respond(PythonDict response)
    {
        LastResponse = response;
        LastRows = response.TryGet("rows_affected", out var rows) && rows is long count ? count : -1;
    }

    public void Commit()
    {
        if (_transaction is null) return;
        try
        {
            _transaction.CommitAsync(cancellationToken).GetAwaiter().GetResult();
        }
        catch (InvalidOperationException e)
        {
            throw new DatabaseError($"The transaction cannot be committed: {e.Message}", "commit", e);
        }

        End();
    }

    /// <summary>Commits, or rolls back, and begins another transaction in the same session: its temporary tables are there still.</summary>
    /// <param name="end">commit or rollback.</param>
    public void EndAndBegin(string end)
    {
        if (_transaction is null) return;
        foreach (var sql in IsDuckDb ? [end, "begin transaction"] : new[] { $"{end} and chain" })
        {
            using var command = Connection.CreateCommand();
            command.CommandText = sql;
            Run(sql, command.Cancel, () => command.ExecuteNonQueryAsync(cancellationToken));
        }
    }

    /// <summary>Runs SQL outside of any transaction, for what cannot be in one.</summary>
    public void RunAlone(string sql)
    {
        Commit();
        using var connection = warehouse.OpenConnectionAsync(cancellationToken).GetAwaiter().GetResult();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.CommandTimeout = 0;
        Run(sql, command.Cancel, () => command.ExecuteNonQueryAsync(cancellationToken));
    }

    /// <summary>The relation of that name with its type, or null when there is none.</summary>
    public DbtRelation? Find(DbtRelation relation) => Find(relation, null).First;

    /// <summary>The relation of that name with its type, and another of the same schema; null for each that there is not.</summary>
    public (DbtRelation? First, DbtRelation? Second) Find(DbtRelation first, DbtRelation? second)
    {
        if (first.Folded is not { Schema: { } schema, Identifier: { } name } folded) return (null, null);
        var found = List(folded.Database, schema, second is null ? [name] : [name, second.Folded.Identifier!]);
        return (As(first), second is null ? null : As(second));

        DbtRelation? As(DbtRelation relation) =>
            found.Find(other => string.Equals(other.Identifier, relation.Folded.Identifier, IsDuckDb ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal)) is { } same ? relation.As(same.Type) : null;
    }

    /// <summary>The relations of a schema: those of some names, or all.</summary>
    public List<DbtRelation> List(string? database, string schema, params string[] names)
    {
        // The views of information_schema take several times as long.
        var sql = IsDuckDb
            ? $"""
               select table_name, 'table' from duckdb_tables() where {Within("table_name")}
               union all select view_name, 'view' from duckdb_views() where {Within("view_name")} order by 1
               """
            : $"""
               select relname, case relkind when 'v' then 'view' when 'm' then 'materialized_view' else 'table' end
               from pg_class join pg_namespace on pg_namespace.oid = relnamespace
               where nspname = {Literal(schema)} and relkind in ('r', 'p', 'v', 'm', 'f') {(names.Length == 0 ? "" : $"and relname in ({string.Join(", ", names.Select(Literal))})")} order by 1
               """;
        return [.. Query(sql).Rows.Select(row => new DbtRelation(new RelationName(database ?? state.Database, schema, (string)row[0]!, (string)row[1]!)))];

        string Within(string column) => $"lower(schema_name) = lower({Literal(schema)}) and lower(database_name) = lower({Literal(database ?? state.Database)})"
            + (names.Length == 0 ? "" : $" and lower({column}) in ({string.Join(", ", names.Select(name => $"lower({Literal(name)})"))})");
    }

    public IReadOnlyList<DbtColumn> Columns(DbtRelation relation)
    {
        if (relation.Name.External is { } external) return [.. Query($"describe select * from {external}").Rows.Select(row => new DbtColumn((string)row[0]!, (string)row[1]!))];
        if (relation.Identifier is null) return [];
        // A temporary table has no schema of a name that is known.
        if (IsDuckDb)
        {
            return [.. Query($"""
                select column_name, data_type from duckdb_columns()
                where lower(table_name) = lower({Literal(relation.Identifier)})
                  and {(relation.Schema is null ? "database_name = 'temp'" : $"lower(schema_name) = lower({Literal(relation.Schema)}) and lower(database_name) = lower({Literal(relation.Database ?? state.Database)})")}
                order by column_index
                """).Rows.Select(row => new DbtColumn((string)row[0]!, (string)row[1]!))];
        }

        return [.. Query($"""
            select attname, format_type(atttypid, null),
                   case when atttypid in (1042, 1043) and atttypmod > 4 then atttypmod - 4 end,
                   case when atttypid = 1700 and atttypmod > 4 then ((atttypmod - 4) >> 16) & 65535 end,
                   case when atttypid = 1700 and atttypmod > 4 then (atttypmod - 4) & 65535 end
            from pg_attribute join pg_class on pg_class.oid = attrelid
            where relname = {Literal(relation.Folded.Identifier!)} and attnum > 0 and not attisdropped
              and relnamespace = {(relation.Folded.Schema is { } schema ? $"(select oid from pg_namespace where nspname = {Literal(schema)})" : "pg_my_temp_schema()")}
            order by attnum
            """).Rows.Select(row => new DbtColumn((string)row[0]!, (string)row[1]!, (long?)row[2], (long?)row[3], (long?)row[4]))];
    }

    public bool SchemaExists(string schema) => Query($"select 1 from information_schema.schemata where schema_name = {Literal(schema)}").Rows.Any();

    public void CreateSchema(string schema)
    {
        // Asked first: IF NOT EXISTS needs the right to create it even when it is there.
        if (!SchemaExists(schema)) Query($"create schema if not exists {TableName.Quote(schema)}");
    }

    public void Drop(DbtRelation relation)
    {
        var kind = relation.Type == "materialized_view" ? "materialized view" : relation.Type ?? Find(relation)?.Type;
        if (kind is not null) Query($"drop {kind} if exists {relation.Print()} cascade");
    }

    public void Rename(DbtRelation from, DbtRelation to) =>
        Query($"alter {(from.Type == "view" ? "view" : "table")} {from.Print()} rename to {to.Only(DbtRelation.IdentifierPart).Print()}");

    public void ExpandColumns(DbtRelation from, DbtRelation to)
    {
        var wanted = Columns(from).ToDictionary(column => column.Name, StringComparer.Ordinal);
        foreach (var column in Columns(to))
            if (wanted.TryGetValue(column.Name, out var wider) && column.CanExpandTo(wider)) Query($"alter table {to.Print()} alter column {column.Quoted} type {wider.DataType}");
    }

    public void Dispose() => End();

    public static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    private DbConnection Connection => (_transaction ??= Begin()).Connection;

    private IWarehouseTransaction Begin()
    {
        var transaction = warehouse.BeginAsync(cancellationToken).GetAwaiter().GetResult();
        if (IsDuckDb)
        {
            using var command = transaction.Connection.CreateCommand();
            command.CommandText = $"set file_search_path = {Literal(state.FileSearchPath)}";
            command.ExecuteNonQuery();
        }

        return transaction;
    }

    private void End()
    {
        _transaction?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _transaction = null;
    }

    [GeneratedRegex(@"\b(?:begin|start|commit|end|rollback|abort)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex TransactionWord();

    // Comments may stand before it.
    [GeneratedRegex(@"\A(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:(?<begin>begin|start\s+transaction)|(?<commit>commit|end)|(?<rollback>rollback|abort))(?:\s+(?:work|transaction))?[\s;]*\z", RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex TransactionStatement();

    /// <summary>What a statement does to the transaction: begin, commit or rollback; null when it is none of these.</summary>
    private static string? WordOf(string statement) =>
        TransactionStatement().Match(statement) is { Success: true } match ? match.Groups.Cast<Group>().Skip(1).First(group => group.Success).Name : null;

    private T Run<T>(string sql, Action interrupt, Func<Task<T>> work)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var ended = new CancellationTokenSource();
        var untilEnded = ended.Token;
        // Npgsql sees to the token, and closes a connection whose server does not answer.
        using var registration = IsDuckDb ? cancellationToken.UnsafeRegister(_ => _ = InterruptAsync(interrupt, untilEnded), null) : default;
        try
        {
            return work().GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is DbException or OperationCanceledException or InvalidOperationException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new DatabaseError(e is DbException ? Message(e) : e.Message, sql, e);
        }
        finally
        {
            ended.Cancel();
        }
    }

    // DuckDB forgets an interruption that comes before the statement has begun.
    private static async Task InterruptAsync(Action interrupt, CancellationToken untilEnded)
    {
        using var timer = new PeriodicTimer(InterruptInterval);
        while (!untilEnded.IsCancellationRequested)
        {
            interrupt();
            await timer.WaitForNextTickAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    // PostgreSQL's messages begin with the code of the error.
    private static string Message(Exception e) => e is DbException { SqlState: { } code } && e.Message.StartsWith($"{code}: ", StringComparison.Ordinal) ? e.Message[(code.Length + 2)..] : e.Message;
}

/// <summary>The database refused SQL.</summary>
internal sealed class DatabaseError(string message, string sql, Exception inner) : Exception(message, inner)
{
    public string Sql { get; } = sql;
}
