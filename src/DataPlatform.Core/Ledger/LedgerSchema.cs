using DataPlatform.Warehouses;
using Polly;
using Polly.Retry;

namespace DataPlatform.Ledger;

/// <summary>
/// Tables that the library keeps in a warehouse's schema <c>dataplatform</c>, brought up to date step by step.
/// The SQL is portable: the same statements run on every warehouse.
/// </summary>
internal static class LedgerSchema
{
    public const string Schema = "dataplatform";

    private static readonly TableName MigrationsTable = new(Schema, "migrations");

    // Processes that create the same objects at the same moment collide in the catalog; the loser finds everything in place when it looks again.
    private static readonly ResiliencePipeline Retry = new ResiliencePipelineBuilder()
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<Exception>(e => e is not OperationCanceledException and (not DataPlatformException or WarehouseException)),
            MaxRetryAttempts = 4,
            Delay = TimeSpan.FromMilliseconds(50),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
        })
        .Build();

    /// <summary>Applies the migrations of a module that the database does not have yet, each in a transaction of its own.</summary>
    /// <param name="warehouse">The database.</param>
    /// <param name="module">Whose tables they are: <c>ledger</c>, <c>models</c>.</param>
    /// <param name="migrations">All migrations of the module, oldest first; never changed once released. Each is a list of statements.</param>
    /// <param name="cancellationToken">Cancels between migrations.</param>
    public static async Task MigrateAsync(
        IWarehouse warehouse, string module, IReadOnlyList<IReadOnlyList<string>> migrations, CancellationToken cancellationToken)
    {
        await Retry.ExecuteAsync(
            async token =>
            {
                await using var transaction = await warehouse.BeginAsync(token).ConfigureAwait(false);
                var applied = await CountAppliedAsync(transaction, module, token).ConfigureAwait(false);
                if (applied > migrations.Count)
                {
                    throw new DataPlatformException(
                        FailureClass.Configuration,
                        $"The tables of '{module}' in warehouse '{warehouse.Name}' are at version {applied}; this program knows versions up to {migrations.Count}.",
                        "Deploy a version of the program that is at least as new as the one that last ran.");
                }

                if (applied == migrations.Count) return;
                for (var version = applied; version < migrations.Count; version++)
                {
                    foreach (var statement in migrations[version])
                        await transaction.ExecuteAsync(statement, cancellationToken: token).ConfigureAwait(false);
                    await transaction.ExecuteAsync(
                        $"INSERT INTO {MigrationsTable.ToSql()} (module, version, applied_at) VALUES ($1, $2, now())",
                        [module, version + 1], token).ConfigureAwait(false);
                }

                await transaction.CommitAsync(token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
    }

    private static async Task<int> CountAppliedAsync(IWarehouseTransaction transaction, string module, CancellationToken cancellationToken)
    {
        if (await transaction.DescribeAsync(MigrationsTable, cancellationToken).ConfigureAwait(false) is null)
        {
            await transaction.ExecuteAsync($"CREATE SCHEMA IF NOT EXISTS {Schema}", cancellationToken: cancellationToken).ConfigureAwait(false);
            await transaction.ExecuteAsync(
                $"CREATE TABLE {MigrationsTable.ToSql()} (module text NOT NULL, version integer NOT NULL, applied_at timestamptz NOT NULL, PRIMARY KEY (module, version))",
                cancellationToken: cancellationToken).ConfigureAwait(false);
        }

        var rows = await transaction.QueryAsync(
            $"SELECT coalesce(max(version), 0) FROM {MigrationsTable.ToSql()} WHERE module = $1", [module], cancellationToken).ConfigureAwait(false);
        return Convert.ToInt32(rows[0][0], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The ledger's own migrations.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Ledger { get; } =
    [
        [
            """
            CREATE TABLE dataplatform.runs (
                run_id text PRIMARY KEY,
                pipeline text NOT NULL,
                environment text NOT NULL,
                logical_date date NOT NULL,
                git_commit text,
                trace_id text,
                host text NOT NULL,
                status text NOT NULL,
                failure_class text,
                error text,
                started_at timestamptz NOT NULL,
                finished_at timestamptz)
            """,
            """
            CREATE TABLE dataplatform.step_runs (
                run_id text NOT NULL,
                step text NOT NULL,
                status text NOT NULL,
                attempt integer NOT NULL,
                rows_read bigint NOT NULL,
                rows_written bigint NOT NULL,
                rows_rejected bigint NOT NULL,
                failure_class text,
                error text,
                started_at timestamptz NOT NULL,
                finished_at timestamptz,
                PRIMARY KEY (run_id, step))
            """,
            """
            CREATE TABLE dataplatform.step_outputs (
                run_id text NOT NULL,
                step text NOT NULL,
                name text NOT NULL,
                value text NOT NULL,
                PRIMARY KEY (run_id, step, name))
            """,
            "CREATE SEQUENCE dataplatform.load_ids",
            """
            CREATE TABLE dataplatform.loads (
                load_id bigint PRIMARY KEY,
                run_id text NOT NULL,
                pipeline text NOT NULL,
                step text NOT NULL,
                table_name text NOT NULL,
                disposition text NOT NULL,
                status text NOT NULL,
                reason text,
                contract_version text,
                lease_token bigint NOT NULL,
                rows_read bigint NOT NULL,
                rows_written bigint NOT NULL,
                rows_rejected bigint NOT NULL,
                rows_deduplicated bigint NOT NULL,
                rows_filtered bigint NOT NULL,
                started_at timestamptz NOT NULL,
                committed_at timestamptz,
                CHECK (status <> 'committed' OR rows_read = rows_written + rows_rejected + rows_deduplicated + rows_filtered))
            """,
            """
            CREATE TABLE dataplatform.load_objects (
                pipeline text NOT NULL,
                step text NOT NULL,
                path text NOT NULL,
                etag text NOT NULL,
                "rows" bigint NOT NULL,
                load_id bigint NOT NULL,
                PRIMARY KEY (pipeline, step, path, etag))
            """,
            """
            CREATE TABLE dataplatform.cursors (
                pipeline text NOT NULL,
                step text NOT NULL,
                name text NOT NULL,
                value text NOT NULL,
                load_id bigint NOT NULL,
                updated_at timestamptz NOT NULL,
                PRIMARY KEY (pipeline, step, name))
            """,
            """
            CREATE TABLE dataplatform.cursor_history (
                load_id bigint NOT NULL,
                pipeline text NOT NULL,
                step text NOT NULL,
                name text NOT NULL,
                previous_value text,
                previous_load_id bigint,
                PRIMARY KEY (load_id, pipeline, step, name))
            """,
            """
            CREATE TABLE dataplatform.before_images (
                load_id bigint PRIMARY KEY,
                table_name text NOT NULL,
                image_schema text NOT NULL,
                image_name text NOT NULL,
                key_columns text NOT NULL,
                valid_from_column text,
                valid_to_column text)
            """,
            """
            CREATE TABLE dataplatform.leases (
                name text PRIMARY KEY,
                token bigint NOT NULL,
                holder text,
                session_name text,
                run_id text,
                acquired_at timestamptz NOT NULL,
                expires_at timestamptz NOT NULL)
            """,
            """
            CREATE TABLE dataplatform.quarantine (
                load_id bigint NOT NULL,
                pipeline text NOT NULL,
                step text NOT NULL,
                table_name text NOT NULL,
                source text NOT NULL,
                "position" bigint NOT NULL,
                raw text NOT NULL,
                column_name text,
                reason text NOT NULL,
                contract_version text,
                field_names text,
                is_exact boolean NOT NULL,
                replayed_by bigint)
            """,
            """
            CREATE TABLE dataplatform.contracts (
                table_name text NOT NULL,
                version text NOT NULL,
                columns text NOT NULL,
                load_id bigint NOT NULL,
                recorded_at timestamptz NOT NULL,
                PRIMARY KEY (table_name, version))
            """,
            """
            CREATE TABLE dataplatform.audit_events (
                occurred_at timestamptz NOT NULL,
                actor text NOT NULL,
                action text NOT NULL,
                subject text NOT NULL,
                run_id text,
                detail text)
            """,
        ],
        [LineageTable.Create],
    ];
}
