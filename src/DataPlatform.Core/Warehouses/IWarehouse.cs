using System.Data.Common;
using Apache.Arrow;
using DataPlatform.Lineage;

namespace DataPlatform.Warehouses;

/// <summary>
/// A SQL database that holds the tables and, in its schema <c>dataplatform</c>, the ledger of what was done to them.
/// Rows travel as Arrow record batches; see <c>docs/warehouses.md</c> for how Arrow types map to columns.
/// </summary>
/// <remarks>
/// SQL given to it is portable: identifiers in double quotes, positional parameters <c>$1, $2, …</c>.
/// Failures are <see cref="WarehouseException"/>. Implementations are safe for concurrent use.
/// </remarks>
public interface IWarehouse : IAsyncDisposable
{
    /// <summary>About how many bytes of column data a record batch is to have: few enough to stay in a processor's cache, and enough that what is done once a batch costs nothing.</summary>
    const int BatchBytes = 2 * 1024 * 1024;

    /// <summary>The name the warehouse was registered under.</summary>
    string Name { get; }

    /// <summary>What it is, as OpenTelemetry's <c>db.system.name</c> has it: <c>postgresql</c>, <c>duckdb</c>.</summary>
    string System { get; }

    /// <summary>Where it is, for people. Holds no secret.</summary>
    string Location { get; }

    /// <summary>What a table or view is called in lineage.</summary>
    Dataset GetDataset(TableName table) => new($"{System}://{Location}", table.ToString());

    /// <summary>
    /// The name this process's sessions carry at the database (PostgreSQL: <c>application_name</c>). Unique to the process;
    /// a session with it exists for as long as the process holds a connection.
    /// </summary>
    string SessionName { get; }

    /// <summary>Opens a connection for queries of your own. The caller disposes of it.</summary>
    Task<DbConnection> OpenConnectionAsync(CancellationToken cancellationToken = default);

    /// <summary>Begins a transaction on a connection of its own.</summary>
    Task<IWarehouseTransaction> BeginAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Begins a transaction that sees one state of the database throughout, whatever others commit meanwhile. For reading; it need not be committed.
    /// </summary>
    /// <remarks>As it stands for systems whose every transaction is such a snapshot.</remarks>
    Task<IWarehouseTransaction> BeginSnapshotAsync(CancellationToken cancellationToken = default) => BeginAsync(cancellationToken);

    /// <summary>
    /// Whether two loads may be written to a table at once, of which the second commits behind the first. For that a statement must see what others have committed until then, and no
    /// row of the second may make one of the first wait: both would wait for ever. A load with checkpoints then writes two parts at a time, each on a connection of its own.
    /// </summary>
    /// <param name="table">The table.</param>
    /// <param name="merge">How rows are merged; null when they are appended.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<bool> TakesRowsSideBySideAsync(TableName table, MergeOptions? merge, CancellationToken cancellationToken = default) => Task.FromResult(false);

    /// <summary>Streams a query's rows as record batches. The schema is known from the first batch; an empty result yields one empty batch. The caller disposes of the batches.</summary>
    /// <param name="sql">One SELECT.</param>
    /// <param name="parameters">Values of <c>$1, $2, …</c>.</param>
    /// <param name="batchBytes">About how many bytes of columns a batch has.</param>
    /// <param name="cancellationToken">Stops the query on the server too.</param>
    IAsyncEnumerable<RecordBatch> ReadAsync(string sql, IReadOnlyList<object?>? parameters, int batchBytes, CancellationToken cancellationToken = default);

    /// <summary>Whether another process's session of that name is still connected. A database that only one process can open answers true for its own name alone.</summary>
    Task<bool> IsSessionAliveAsync(string sessionName, CancellationToken cancellationToken = default);

    /// <summary>Ends all sessions of that name at the database, so that their transactions roll back and their locks go.</summary>
    Task EndSessionsAsync(string sessionName, CancellationToken cancellationToken = default);

    /// <summary>Checks that the database can be reached, logged into and written; throws with what to do when not. Used by the preflight and <c>doctor</c>.</summary>
    Task CheckAsync(CancellationToken cancellationToken = default);
}

/// <summary>
/// One transaction: everything done through it becomes visible together in <see cref="CommitAsync"/>, or not at all.
/// Disposing of it before that rolls back. For one caller at a time.
/// </summary>
public interface IWarehouseTransaction : IAsyncDisposable
{
    /// <summary>The connection the transaction is on; commands made from it take part in the transaction.</summary>
    DbConnection Connection { get; }

    /// <summary>Runs a statement and returns the number of rows it changed.</summary>
    Task<long> ExecuteAsync(string sql, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default);

    /// <summary>Runs statements one after the other, in one trip to the database where it has such a thing, and returns the number of rows that each changed.</summary>
    /// <remarks>As it stands for systems in the same process, where a trip costs nothing.</remarks>
    async Task<IReadOnlyList<long>> ExecuteAsync(IReadOnlyList<SqlWithParameters> statements, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(statements);
        var changed = new long[statements.Count];
        for (var i = 0; i < changed.Length; i++) changed[i] = await ExecuteAsync(statements[i].Sql, statements[i].Parameters, cancellationToken).ConfigureAwait(false);
        return changed;
    }

    /// <summary>Runs a query with a small result and returns its rows, all in memory. A NULL is null, a timestamp with time zone a UTC <see cref="DateTimeOffset"/>.</summary>
    Task<IReadOnlyList<object?[]>> QueryAsync(string sql, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default);

    /// <summary>The columns of a table or view as Arrow fields, or null when it does not exist.</summary>
    Task<Schema?> DescribeAsync(TableName table, CancellationToken cancellationToken = default);

    /// <summary>Creates a table, and its schema when missing. Does nothing when the table exists.</summary>
    /// <param name="table">The table.</param>
    /// <param name="schema">Its columns.</param>
    /// <param name="key">Columns that identify a row, for merges; the database enforces them where it can. Empty for none.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task CreateTableAsync(TableName table, Schema schema, IReadOnlyList<string> key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Gives columns of an existing table: those that it lacks are added and are NULL in its rows, those that it has with another type are changed to it, with their values
    /// converted. Columns not given stay. Whether a conversion is without loss is the caller's to know.
    /// </summary>
    /// <remarks>PostgreSQL lets nobody else read or write the table from this call to the commit.</remarks>
    /// <param name="table">The table.</param>
    /// <param name="columns">The columns as they are to be.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="WarehouseException">There is no such table, a view uses a column whose type is to change, or a value does not convert.</exception>
    Task AlterTableAsync(TableName table, Schema columns, CancellationToken cancellationToken = default);

    /// <summary>Begins a bulk append by the fastest way the system has. Columns are matched by name; those not given stay NULL or default.</summary>
    Task<IBulkWriter> BeginAppendAsync(TableName table, Schema schema, CancellationToken cancellationToken = default);

    /// <summary>Begins a bulk merge: rows take the place of those with their key, in one of several ways. Columns of the table that are not given keep their values, or stay NULL or default.</summary>
    /// <param name="table">The table. It has the columns of <see cref="MergeOptions.ToTableSchema"/>.</param>
    /// <param name="schema">The rows' columns.</param>
    /// <param name="options">The key, and what is done with rows whose key the table has.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<IBulkWriter> BeginMergeAsync(TableName table, Schema schema, MergeOptions options, CancellationToken cancellationToken = default);

    /// <summary>
    /// Makes a table hold exactly the result of a query, its columns included. Readers see the old table until the commit, and the new one after.
    /// Views on the table go on working or the call fails and names them.
    /// </summary>
    /// <returns>How many rows the table holds now.</returns>
    Task<long> ReplaceTableAsync(TableName table, string selectSql, CancellationToken cancellationToken = default);

    /// <summary>Makes a view of a query, in place of the view or table of that name.</summary>
    Task ReplaceViewAsync(TableName view, string selectSql, CancellationToken cancellationToken = default);

    /// <summary>
    /// Commits. When it returns the work is durable; when it throws the outcome is what the database says on the next look.
    /// Throws, and commits nothing, after a statement failed or a bulk write was abandoned.
    /// </summary>
    Task CommitAsync(CancellationToken cancellationToken = default);
}

/// <summary>A statement and the values of its parameters.</summary>
/// <param name="Sql">The statement.</param>
/// <param name="Parameters">Values of <c>$1, $2, …</c>.</param>
public sealed record SqlWithParameters(string Sql, IReadOnlyList<object?> Parameters);

/// <summary>Takes record batches into a table within a transaction. Disposing of it before <see cref="CompleteAsync"/> abandons the transaction.</summary>
public interface IBulkWriter : IAsyncDisposable
{
    /// <summary>Writes a batch with the schema the writer was begun with. The batch may be disposed of when the call returns.</summary>
    Task WriteAsync(RecordBatch batch, CancellationToken cancellationToken = default);

    /// <summary>Finishes and returns what was written.</summary>
    Task<BulkWriteResult> CompleteAsync(CancellationToken cancellationToken = default);
}

/// <summary>What a bulk write did with its rows: each is in exactly one of the counts.</summary>
/// <param name="RowsWritten">Rows that the table holds now, added or in the place of others.</param>
/// <param name="RowsDeduplicated">Rows left out for another row of the same write with the same key.</param>
/// <param name="RowsFiltered">
/// Rows that a merge left out on purpose: those that only told to delete their key, under <see cref="MergeStrategy.InsertOnly"/> those whose key the table had, and under
/// <see cref="MergeStrategy.Scd2"/> those that did not change.
/// </param>
public sealed record BulkWriteResult(long RowsWritten, long RowsDeduplicated = 0, long RowsFiltered = 0);

/// <summary>A warehouse failed; says which and why.</summary>
public class WarehouseException(FailureClass failureClass, string message, string? hint = null, Exception? innerException = null)
    : DataPlatformException(failureClass, message, hint, innerException)
{
    /// <summary>What is wrong with the SQL it was given, and where; null when that is not the cause or the database did not say.</summary>
    public SqlFault? Fault { get; init; }
}

/// <summary>What a database finds wrong with SQL.</summary>
/// <param name="Problem">What is wrong, without the place.</param>
/// <param name="Offset">Where, in characters (<see cref="char"/>) from 0, in the SQL as the caller gave it.</param>
public sealed record SqlFault(string Problem, int Offset);
