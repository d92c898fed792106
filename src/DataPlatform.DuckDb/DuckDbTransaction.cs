using System.Data.Common;
using Apache.Arrow;
using DataPlatform.DuckDb.Bulk;
using DataPlatform.DuckDb.Columns;
using DataPlatform.DuckDb.Native;
using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb;

/// <summary>
/// A transaction on a session of its own. It begins in the database with the first statement that is more than a SELECT: until then each query sees the
/// latest committed rows, as in PostgreSQL. From there on DuckDB shows it one snapshot, and refuses changes to rows that others have changed since; so
/// the snapshot is better young.
/// </summary>
/// <remarks>
/// Transactions run side by side without locks of ours. DuckDB lets them append to one table, and update different rows or different columns of
/// one row, at the same time; whoever changes the same value as another, or defines the same object, fails as <see cref="FailureClass.Transient"/>.
/// A gate around writers would make the steps of a pipeline, and the ledger's records of them, wait for each other's loads.
/// </remarks>
internal sealed class DuckDbTransaction(DuckDbDatabase database, DuckDbSession session) : IWarehouseTransaction
{
    private readonly List<SemaphoreSlim> _names = [];
    private State _state;
    private WarehouseException? _failure;

    /// <summary>Begins it in the database now, so that all its queries see one snapshot.</summary>
    internal Task BeginAsync(CancellationToken cancellationToken) => RunAsync(Begin, cancellationToken);

    /// <summary>Runs statements that belong to the transaction and change something.</summary>
    internal Task<T> RunAsync<T>(Func<DuckDBNativeConnection, T> work, CancellationToken cancellationToken) =>
        GuardAsync(() => session.RunAsync(native => work(Begin(native)), cancellationToken));

    /// <summary>Appends rows; needs little memory.</summary>
    internal Task<T> AppendAsync<T>(Func<DuckDBNativeConnection, T> work, CancellationToken cancellationToken) =>
        GuardAsync(() => session.RunLightAsync(native => work(Begin(native)), cancellationToken));

    /// <summary>Makes sure that the transaction is not committed.</summary>
    internal void Doom(string reason) => _failure ??= Errors.Failed(FailureClass.Bug, reason);

    internal DuckDbErrors Errors => database.Errors;

    internal DuckDbDatabase Database => database;

    public DbConnection Connection
    {
        get
        {
            Begin(session.Connection.NativeConnection);
            return session.Connection;
        }
    }

    public Task<long> ExecuteAsync(string sql, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sql);
        return RunAsync(
            native =>
            {
                using var statement = Statement.Prepare(native, sql, parameters, Errors);
                return statement.Execute();
            },
            cancellationToken);
    }

    public async Task<IReadOnlyList<object?[]>> QueryAsync(string sql, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sql);
        return await GuardAsync(() => session.RunAsync(native => Query(native, sql, parameters), cancellationToken)).ConfigureAwait(false);
    }

    public Task<Schema?> DescribeAsync(TableName table, CancellationToken cancellationToken = default) =>
        GuardAsync(() => session.RunAsync(native => Catalog.Describe(native, table, Errors)?.ToSchema(), cancellationToken));

    public async Task CreateTableAsync(TableName table, Schema schema, IReadOnlyList<string> key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(key);
        var columns = schema.FieldsList.Select(field => DefineColumn(table, field, key)).ToArray();
        if (await ExistsAsync(table, cancellationToken).ConfigureAwait(false)) return;

        await LockNameAsync(table, cancellationToken).ConfigureAwait(false);
        if (await ExistsAsync(table, cancellationToken).ConfigureAwait(false)) return;
        await CreateSchemaAsync(table.Schema, cancellationToken).ConfigureAwait(false);

        // The key is not declared: DuckDB keeps indexes in memory, where they grow with the table, and a merge does not need one.
        await ExecuteAsync($"CREATE TABLE {table.ToSql()} ({string.Join(", ", columns)})", cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    public async Task AlterTableAsync(TableName table, Schema columns, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(columns);
        await LockNameAsync(table, cancellationToken).ConfigureAwait(false);
        await RunAsync(
            native =>
            {
                if (Catalog.FindKind(native, table, Errors) != RelationKind.Table)
                    throw Errors.Failed(FailureClass.Configuration, $"there is no table {table} to change.", "Create it first: CreateTableAsync does it from the columns.");

                var existing = Catalog.Describe(native, table, Errors)!.ToSchema().FieldsList.ToDictionary(field => field.Name, StringComparer.OrdinalIgnoreCase);
                var added = columns.FieldsList.Where(field => !existing.ContainsKey(field.Name)).ToArray();
                var changed = columns.FieldsList.Where(field => existing.TryGetValue(field.Name, out var old) && DuckDbTypes.ToSql(old) != DuckDbTypes.ToSql(field)).ToArray();
                if (added.Length + changed.Length == 0) return 0;

                var views = Catalog.ListViews(native, Errors).Where(view => Catalog.IsReadable(native, view, Errors)).ToList();
                foreach (var field in added) Alter($"ADD COLUMN {TableName.Quote(field.Name)} {TypeOf(table, field)}");
                foreach (var field in changed) Alter($"ALTER COLUMN {TableName.Quote(field.Name)} TYPE {TypeOf(table, field)}");
                var broken = views.Where(view => !Catalog.IsReadable(native, view, Errors)).ToList();
                return broken.Count == 0 ? 0L : throw BrokenViews($"The columns of {table} were not changed", broken);

                void Alter(string action) => Statement.Execute(native, $"ALTER TABLE {table.ToSql()} {action}", Errors);
            },
            cancellationToken).ConfigureAwait(false);
    }

    public async Task<IBulkWriter> BeginAppendAsync(TableName table, Schema schema, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return await RunAsync(native => AppendWriter.Begin(native, this, table, schema), cancellationToken).ConfigureAwait(false);
    }

    public async Task<IBulkWriter> BeginMergeAsync(TableName table, Schema schema, MergeOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(options);
        return await RunAsync(native => MergeWriter.Begin(native, this, table, schema, options), cancellationToken).ConfigureAwait(false);
    }

    public async Task<long> ReplaceTableAsync(TableName table, string selectSql, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(selectSql);
        await LockNameAsync(table, cancellationToken).ConfigureAwait(false);
        await CreateSchemaAsync(table.Schema, cancellationToken).ConfigureAwait(false);
        return await RunAsync(
            native =>
            {
                var views = Catalog.ListViews(native, Errors).Where(view => view != table && Catalog.IsReadable(native, view, Errors)).ToList();
                if (Catalog.FindKind(native, table, Errors) == RelationKind.View) Statement.Execute(native, $"DROP VIEW {table.ToSql()}", Errors);
                var create = $"CREATE OR REPLACE TABLE {table.ToSql()} AS (";
                Statement.Execute(native, $"{create}{SqlText.Embeddable(selectSql)})", Errors, create.Length);
                var broken = views.Where(view => !Catalog.IsReadable(native, view, Errors)).ToList();
                return broken.Count == 0 ? Catalog.CountRows(native, table, Errors) : throw BrokenViews($"{table} was not replaced", broken);
            },
            cancellationToken).ConfigureAwait(false);
    }

    public async Task ReplaceViewAsync(TableName view, string selectSql, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(selectSql);
        await LockNameAsync(view, cancellationToken).ConfigureAwait(false);
        await CreateSchemaAsync(view.Schema, cancellationToken).ConfigureAwait(false);
        await RunAsync(
            native =>
            {
                if (Catalog.FindKind(native, view, Errors) == RelationKind.Table) Statement.Execute(native, $"DROP TABLE {view.ToSql()}", Errors);
                var create = $"CREATE OR REPLACE VIEW {view.ToSql()} AS (";
                return Statement.Execute(native, $"{create}{SqlText.Embeddable(selectSql)})", Errors, create.Length);
            },
            cancellationToken).ConfigureAwait(false);
    }

    public async Task CommitAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_failure is { } failure)
        {
            throw Errors.Failed(
                failure.FailureClass, $"nothing was committed, because a statement of the transaction had failed. {failure.Message}", failure.Hint, failure);
        }

        if (_state == State.Begun) await session.RunAsync(Commit, CancellationToken.None).ConfigureAwait(false);
        End();
    }

    public async ValueTask DisposeAsync()
    {
        // Closing the connection rolls back.
        await session.DisposeAsync().ConfigureAwait(false);
        End();
    }

    private void End()
    {
        _state = State.Ended;
        foreach (var name in _names) name.Release();
        _names.Clear();
    }

    private Task<bool> ExistsAsync(TableName table, CancellationToken cancellationToken) =>
        GuardAsync(() => session.RunAsync(native => Catalog.FindKind(native, table, Errors) != RelationKind.None, cancellationToken));

    /// <summary>Makes others who create or replace what has this name wait until this transaction ends.</summary>
    private async Task LockNameAsync(TableName table, CancellationToken cancellationToken)
    {
        var name = database.NameLock(table);
        if (_names.Contains(name)) return;
        await database.WaitAsync(name, table, cancellationToken).ConfigureAwait(false);
        _names.Add(name);
    }

    private long Commit(DuckDBNativeConnection native)
    {
        // After a failed statement DuckDB answers COMMIT by rolling back, without an error. Any other statement says so.
        Statement.Execute(native, "SELECT 1", Errors);
        return Statement.Execute(native, "COMMIT", Errors);
    }

    private DuckDBNativeConnection Begin(DuckDBNativeConnection native)
    {
        ObjectDisposedException.ThrowIf(_state == State.Ended, this);
        if (_state == State.Begun) return native;
        Statement.Execute(native, "BEGIN TRANSACTION", Errors);
        _state = State.Begun;
        return native;
    }

    private List<object?[]> Query(DuckDBNativeConnection native, string sql, IReadOnlyList<object?>? parameters)
    {
        using var statement = Statement.Prepare(native, sql, parameters, Errors);
        if (!statement.IsSelect) Begin(native);
        using var reader = RecordBatchReader.Open(statement, native, sql, parameters, Errors);
        var rows = new List<object?[]>();
        while (reader.Read() is { } batch)
        {
            using (batch) rows.AddRange(RowReader.Read(batch));
        }

        return rows;
    }

    // Created within this transaction, the schema would be in the way of every other step that needs it until the load commits.
    // When the snapshot is taken it would not show up here, though.
    private async Task CreateSchemaAsync(string schema, CancellationToken cancellationToken)
    {
        if (_state == State.Begun) await ExecuteAsync($"CREATE SCHEMA IF NOT EXISTS {TableName.Quote(schema)}", cancellationToken: cancellationToken).ConfigureAwait(false);
        else await database.CreateSchemaAsync(schema, cancellationToken).ConfigureAwait(false);
    }

    private string DefineColumn(TableName table, Field field, IReadOnlyList<string> key)
    {
        var required = !field.IsNullable || key.Contains(field.Name, StringComparer.Ordinal);
        return $"{TableName.Quote(field.Name)} {TypeOf(table, field)}{(required ? " NOT NULL" : "")}";
    }

    private string TypeOf(TableName table, Field field) => DuckDbTypes.ToSql(field)
        ?? throw Errors.Failed(
            FailureClass.Bug, $"column '{field.Name}' of {table} has the Arrow type {field.DataType.Name}, which has no column type.", "Widen it to a type of ColumnTypes first.");

    private WarehouseException BrokenViews(string whatWasNotDone, IEnumerable<TableName> views) => Errors.Failed(
        FailureClass.Configuration,
        $"{whatWasNotDone}, because views on it would not work any more: {string.Join(", ", views)}.",
        "Keep the columns they use, or change or drop these views first.");

    private async Task<T> GuardAsync<T>(Func<Task<T>> action)
    {
        ObjectDisposedException.ThrowIf(_state == State.Ended, this);
        try
        {
            return await action().ConfigureAwait(false);
        }
        catch (WarehouseException e)
        {
            if (_state == State.Begun) _failure ??= e;
            throw;
        }
        catch (OperationCanceledException)
        {
            if (_state == State.Begun) Doom("a statement was cancelled.");
            throw;
        }
    }

    private enum State
    {
        New,
        Begun,
        Ended,
    }
}
