using System.Data.Common;
using Apache.Arrow;
using Npgsql;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>One transaction on a connection of its own.</summary>
internal sealed class PostgreSqlTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction, PostgreSqlErrors errors) : IWarehouseTransaction
{
    private readonly Catalog _catalog = new(connection);
    private IBulkWriter? _writer;
    private int _stagingTables;

    public DbConnection Connection => connection;

    public Task<long> ExecuteAsync(string sql, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default) =>
        errors.GuardAsync(async () =>
        {
            await using var command = PostgreSqlCommands.Create(connection, sql, parameters);
            // -1 for statements that do not count rows.
            return Math.Max(await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false), 0L);
        }, sql);

    public Task<IReadOnlyList<long>> ExecuteAsync(IReadOnlyList<SqlWithParameters> statements, CancellationToken cancellationToken = default) =>
        errors.GuardAsync<IReadOnlyList<long>>(async () =>
        {
            await using var batch = PostgreSqlCommands.Create(connection, statements);
            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            return [.. batch.BatchCommands.Cast<NpgsqlBatchCommand>().Select(command => (long)command.Rows)];
        });

    public Task<IReadOnlyList<object?[]>> QueryAsync(string sql, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default) =>
        errors.GuardAsync<IReadOnlyList<object?[]>>(async () =>
        {
            await using var command = PostgreSqlCommands.Create(connection, sql, parameters);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            var rows = new List<object?[]>();
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) rows.Add(PostgreSqlCommands.ReadRow(reader));
            return rows;
        }, sql);

    public Task<Schema?> DescribeAsync(TableName table, CancellationToken cancellationToken = default) => errors.GuardAsync(async () =>
    {
        return await _catalog.FindColumnsAsync(table, cancellationToken).ConfigureAwait(false) is var (_, columns) ? new Schema(columns.Select(column => column.ToField()), metadata: null) : null;
    });

    public async Task CreateTableAsync(TableName table, Schema schema, IReadOnlyList<string> key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(key);
        if (await ExistsAsync().ConfigureAwait(false)) return;

        await LockNameAsync(table, cancellationToken).ConfigureAwait(false);
        if (await ExistsAsync().ConfigureAwait(false)) return;
        await CreateSchemaAsync(table.Schema, cancellationToken).ConfigureAwait(false);
        var definitions = schema.FieldsList.Select(field => $"{Identifiers.Quote(field.Name)} {TypeOf(field)}{(field.IsNullable ? "" : " NOT NULL")}");
        if (key.Count > 0) definitions = definitions.Append($"PRIMARY KEY ({Identifiers.QuoteList(key)})");
        await ExecuteAsync($"CREATE TABLE {Identifiers.Quote(table)} ({string.Join(", ", definitions)})", null, cancellationToken).ConfigureAwait(false);

        Task<bool> ExistsAsync() => errors.GuardAsync(() => _catalog.ExistsAsync(table, cancellationToken));
    }

    public async Task AlterTableAsync(TableName table, Schema columns, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(columns);
        await LockNameAsync(table, cancellationToken).ConfigureAwait(false);
        if (await FindAsync(table, cancellationToken).ConfigureAwait(false) is not { IsTable: true } relation)
            throw Failed(FailureClass.Configuration, $"There is no table {table} to change.", "Create it first: CreateTableAsync does it from the columns.");

        var existing = (await ListColumnsAsync(relation, cancellationToken).ConfigureAwait(false)).ToDictionary(column => column.Name, column => column.ToField(), StringComparer.Ordinal);
        var added = columns.FieldsList.Where(field => !existing.ContainsKey(field.Name)).ToArray();
        var changed = columns.FieldsList.Where(field => existing.TryGetValue(field.Name, out var old) && TypeOf(old) != TypeOf(field)).ToArray();
        if (added.Length + changed.Length == 0) return;

        var views = await errors.GuardAsync(() => _catalog.ListViewsOfAsync(relation, changed.Select(field => field.Name), cancellationToken)).ConfigureAwait(false);
        if (views.Count > 0)
        {
            throw Failed(
                FailureClass.Configuration,
                $"{string.Join(", ", changed.Select(field => $"Column '{field.Name}' of {table} cannot become {TypeOf(field)}"))}, because views use it: {string.Join(", ", views)}.",
                "Drop these views first and make them again afterwards.");
        }

        // One statement, so that the rows are written anew at most once.
        var actions = added.Select(field => $"ADD COLUMN {Identifiers.Quote(field.Name)} {TypeOf(field)}")
            .Concat(changed.Select(field => (Name: Identifiers.Quote(field.Name), Type: TypeOf(field))).Select(column => $"ALTER COLUMN {column.Name} TYPE {column.Type} USING {column.Name}::{column.Type}"));
        await ExecuteAsync($"ALTER TABLE {Identifiers.Quote(table)} {string.Join(", ", actions)}", null, cancellationToken).ConfigureAwait(false);
    }

    public async Task<IBulkWriter> BeginAppendAsync(TableName table, Schema schema, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(schema);
        var (_, _, encoders) = await MatchColumnsAsync(table, schema, cancellationToken).ConfigureAwait(false);
        return _writer = await BeginCopyAsync(Identifiers.Quote(table), schema, schema.FieldsList.Select(field => field.Name), encoders, cancellationToken).ConfigureAwait(false);
    }

    public async Task<IBulkWriter> BeginMergeAsync(TableName table, Schema schema, MergeOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(options);
        options.Check(table, schema);
        var (relation, columns, encoders) = await MatchColumnsAsync(table, options.ToTableSchema(schema), cancellationToken).ConfigureAwait(false);
        if (options.Strategy is MergeStrategy.Upsert or MergeStrategy.InsertOnly) await CheckUniqueAsync(table, relation, options.Key, cancellationToken).ConfigureAwait(false);

        var staging = $"pg_temp.{Identifiers.Quote($"_merge_{++_stagingTables}")}";
        var sql = new MergeSql(table, staging, schema, columns, options);
        await ExecuteAsync(sql.CreateStaging, null, cancellationToken).ConfigureAwait(false);
        var copy = await BeginCopyAsync(
            staging, schema, schema.FieldsList.Select(field => field.Name).Append(MergeSql.OrdinalColumn), encoders.Take(schema.FieldsList.Count).Append(new OrdinalEncoder()),
            cancellationToken).ConfigureAwait(false);

        // Of a delete-insert all rows of a key stay.
        var keys = options.Strategy == MergeStrategy.DeleteInsert ? null : SeenKeys.Of(schema, options.Key, columns);
        return _writer = new MergeWriter(copy, this, sql, table, options, keys);
    }

    public Task<long> ReplaceTableAsync(TableName table, string selectSql, CancellationToken cancellationToken = default) =>
        new Replacement(this, table, selectSql).ReplaceTableAsync(cancellationToken);

    public Task ReplaceViewAsync(TableName view, string selectSql, CancellationToken cancellationToken = default) =>
        new Replacement(this, view, selectSql).ReplaceViewAsync(cancellationToken);

    public async Task CommitAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // After a failed statement PostgreSQL answers COMMIT by rolling back, without an error. Any other statement says so.
        await ExecuteAsync("SELECT 1", null, cancellationToken).ConfigureAwait(false);

        // Not to be cancelled: what then became of the transaction would be unknown.
        await errors.GuardAsync(() => transaction.CommitAsync(CancellationToken.None)).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_writer is not null) await _writer.DisposeAsync().ConfigureAwait(false);
        try
        {
            await transaction.DisposeAsync().ConfigureAwait(false);
        }
        catch (NpgsqlException)
        {
            // The connection is lost, and the transaction rolled back with it.
        }

        await connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Runs a statement that ends in a query its caller wrote, and returns how many rows the query gave.</summary>
    internal Task<long> ExecuteSelectAsync(string prefix, string selectSql, CancellationToken cancellationToken) =>
        errors.GuardAsync(async () =>
        {
            // A batch, because only that tells the rows of CREATE TABLE AS.
            var command = new NpgsqlBatchCommand(prefix + selectSql);
            await using var batch = new NpgsqlBatch(connection) { BatchCommands = { command } };
            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            return (long)command.Rows;
        }, prefix + selectSql, prefix.Length);

    internal Task<Relation?> FindAsync(TableName table, CancellationToken cancellationToken) =>
        errors.GuardAsync(() => _catalog.FindAsync(table, cancellationToken));

    internal Task<List<TableColumn>> ListColumnsAsync(Relation relation, CancellationToken cancellationToken) =>
        errors.GuardAsync(() => _catalog.ListColumnsAsync(relation, cancellationToken));

    internal Task<List<string>> ListGrantsAsync(Relation from, Relation to, TableName name, CancellationToken cancellationToken) =>
        errors.GuardAsync(() => _catalog.ListGrantsAsync(from, to, name, cancellationToken));

    /// <summary>Makes others who create or replace a table of this name wait until this transaction ends.</summary>
    internal Task LockNameAsync(TableName table, CancellationToken cancellationToken) => LockAsync(table.ToString(), cancellationToken);

    /// <summary>Creates a schema when there is none. Asks first: IF NOT EXISTS needs the right to create it even when it exists.</summary>
    internal async Task CreateSchemaAsync(string schema, CancellationToken cancellationToken)
    {
        const string Exists = "SELECT FROM pg_namespace WHERE nspname = $1";
        if ((await QueryAsync(Exists, [schema], cancellationToken).ConfigureAwait(false)).Count > 0) return;
        await LockAsync(schema, cancellationToken).ConfigureAwait(false);
        if ((await QueryAsync(Exists, [schema], cancellationToken).ConfigureAwait(false)).Count > 0) return;
        await ExecuteAsync($"CREATE SCHEMA {Identifiers.Quote(schema)}", null, cancellationToken).ConfigureAwait(false);
    }

    internal WarehouseException Failed(FailureClass failureClass, string message, string? hint = null) => errors.Failed(failureClass, message, hint);

    private Task<long> LockAsync(string name, CancellationToken cancellationToken) =>
        ExecuteAsync("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [$"dataplatform:{name}"], cancellationToken);

    private Task<BinaryCopyWriter> BeginCopyAsync(
        string tableSql, Schema schema, IEnumerable<string> columns, IEnumerable<ColumnEncoder> encoders, CancellationToken cancellationToken) =>
        errors.GuardAsync(async () =>
        {
            var stream = await connection.BeginRawBinaryCopyAsync(
                $"COPY {tableSql} ({Identifiers.QuoteList(columns)}) FROM STDIN WITH (FORMAT binary)", cancellationToken).ConfigureAwait(false);
            return new BinaryCopyWriter(stream, new BinaryCopyEncoder(encoders), schema, errors);
        });

    private async Task<(uint Relation, IReadOnlyList<TableColumn> Columns, IReadOnlyList<ColumnEncoder> Encoders)> MatchColumnsAsync(
        TableName table, Schema schema, CancellationToken cancellationToken)
    {
        if (await errors.GuardAsync(() => _catalog.FindColumnsAsync(table, cancellationToken)).ConfigureAwait(false) is not var (relation, list))
            throw Failed(FailureClass.Configuration, $"There is no table {table}.", "Create it first: CreateTableAsync does it from the columns.");

        var columns = list.ToDictionary(column => column.Name, StringComparer.Ordinal);
        var encoders = new List<ColumnEncoder>();
        foreach (var field in schema.FieldsList)
        {
            if (!columns.TryGetValue(field.Name, out var column))
                throw Failed(FailureClass.Data, $"Table {table} has no column '{field.Name}'; it has {string.Join(", ", columns.Keys)}.", "Add the column to the table, or leave it out of the data.");
            encoders.Add(ValueEncoder.Create(field, column)
                ?? throw Failed(FailureClass.Data, $"Column '{field.Name}' of {table} is {column.TypeName} and cannot take {PostgreSqlTypes.ToSql(field) ?? field.DataType.Name} without loss.",
                    "Change the column's type in the table, or convert the data."));
        }

        return (relation, list, encoders);
    }

    private async Task CheckUniqueAsync(TableName table, uint relation, IReadOnlyList<string> key, CancellationToken cancellationToken)
    {
        if (await errors.GuardAsync(() => _catalog.HasUniqueIndexAsync(relation, key, cancellationToken)).ConfigureAwait(false)) return;
        throw Failed(FailureClass.Configuration, $"Table {table} has no unique index on its merge key ({string.Join(", ", key)}).",
            $"Run: CREATE UNIQUE INDEX ON {Identifiers.Quote(table)} ({Identifiers.QuoteList(key)});");
    }

    private string TypeOf(Field field) => PostgreSqlTypes.ToSql(field)
        ?? throw Failed(FailureClass.Configuration, $"Column '{field.Name}' has the Arrow type {field.DataType.Name}, for which there is no column type.",
            "Convert it to one of the types in docs/warehouses.md.");
}
