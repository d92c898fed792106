using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using DataPlatform.Lineage;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;
using Polly.Retry;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// A PostgreSQL database as warehouse: PostgreSQL 12 or later, RDS, Aurora, Citus. Rows go in by binary COPY, encoded from Arrow's buffers.
/// </summary>
/// <remarks>
/// Statements have no time limit unless the connection string sets <c>Command Timeout</c>. Connect directly or through a pooler that keeps a session
/// for a connection: session settings and <see cref="SessionName"/> do not survive transaction pooling.
/// </remarks>
public sealed class PostgreSqlWarehouse : IWarehouse
{
    private readonly PostgreSqlErrors _errors;
    private readonly PostgreSqlWarehouseOptions _options;
    private readonly ILoggerFactory? _loggerFactory;
    private readonly NpgsqlConnectionStringBuilder _connectionString;
    private readonly Lazy<NpgsqlDataSource> _withSessionSettings, _withoutSessionSettings;
    private volatile bool _sessionSettingsRefused;

    /// <summary>Makes the warehouse without connecting yet.</summary>
    /// <param name="name">The name it is known by.</param>
    /// <param name="connectionString">A connection string of Npgsql. <c>Application Name</c> in it is not used: see <see cref="SessionName"/>.</param>
    /// <param name="options">What else it does.</param>
    /// <param name="loggerFactory">Where it and Npgsql log.</param>
    /// <exception cref="DataPlatformException">The connection string cannot be read.</exception>
    public PostgreSqlWarehouse(string name, string connectionString, PostgreSqlWarehouseOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        Name = name;
        SessionName = $"dataplatform-{Guid.NewGuid():N}"[..25];
        _options = options ?? new PostgreSqlWarehouseOptions();
        _loggerFactory = loggerFactory;
        _connectionString = Read(name, connectionString);
        Location = $"{_connectionString.Host}:{_connectionString.Port}/{_connectionString.Database ?? _connectionString.Username}";
        _errors = new PostgreSqlErrors(name, Location);
        _withSessionSettings = new Lazy<NpgsqlDataSource>(() => Build(SessionSettings()));
        _withoutSessionSettings = new Lazy<NpgsqlDataSource>(() => Build(settings: null));
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string System => "postgresql";

    /// <inheritdoc/>
    public string Location { get; }

    /// <inheritdoc/>
    public Dataset GetDataset(TableName table)
    {
        // Of several hosts any may answer, and one name is needed.
        var host = (_connectionString.Host ?? "").Split(',')[0].Trim();
        var authority = host.Contains(':', StringComparison.Ordinal) ? host : string.Create(CultureInfo.InvariantCulture, $"{host}:{_connectionString.Port}");
        return new Dataset($"postgres://{authority}", $"{_connectionString.Database ?? _connectionString.Username}.{table}");
    }

    /// <summary>The <c>application_name</c> of all sessions of this object: <c>dataplatform-</c> and twelve random hexadecimal digits.</summary>
    public string SessionName { get; internal init; }

    /// <inheritdoc/>
    public async Task<DbConnection> OpenConnectionAsync(CancellationToken cancellationToken = default) =>
        await OpenAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task<IWarehouseTransaction> BeginAsync(CancellationToken cancellationToken = default) => BeginAsync(IsolationLevel.ReadCommitted, cancellationToken);

    /// <inheritdoc/>
    public Task<IWarehouseTransaction> BeginSnapshotAsync(CancellationToken cancellationToken = default) => BeginAsync(IsolationLevel.RepeatableRead, cancellationToken);

    /// <inheritdoc/>
    /// <remarks>Types that Arrow lacks come as text, in the form the server gives them. A numeric without precision, or with more than 38 digits, comes as Decimal128(38, 18), rounded.</remarks>
    public async IAsyncEnumerable<RecordBatch> ReadAsync(
        string sql, IReadOnlyList<object?>? parameters, int batchBytes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sql);
        var filled = CopyStatement.Fill(sql, parameters ?? []);

        // Places in a query that was filled in are not those of the caller's.
        var shown = parameters is { Count: > 0 } ? null : sql;
        await using var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var reader = await _errors.GuardAsync(() => CopyReader.OpenAsync(connection, filled, CancelAsync, cancellationToken), shown).ConfigureAwait(false);
        while (await _errors.GuardAsync(() => reader.ReadAsync(batchBytes, cancellationToken)).ConfigureAwait(false) is { } batch) yield return batch;
    }

    /// <inheritdoc/>
    /// <remarks>Rows to merge wait in a temporary table; those to append in a table whose indexes, triggers or remote server may have a row wait for another's transaction.</remarks>
    public async Task<bool> TakesRowsSideBySideAsync(TableName table, MergeOptions? merge, CancellationToken cancellationToken = default)
    {
        const string Sql = """
            SELECT count(*)
            FROM pg_class AS c
            WHERE c.oid IN (SELECT to_regclass($1) UNION SELECT relid FROM pg_partition_tree(to_regclass($1)))
                AND (c.relkind = 'f'
                    OR EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion))
                    OR EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal))
            """;
        if (merge is not null) return true;
        await using var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        return await CountAsync(connection, Sql, Identifiers.Quote(table), cancellationToken).ConfigureAwait(false) == 0;
    }

    /// <inheritdoc/>
    public async Task<bool> IsSessionAliveAsync(string sessionName, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(sessionName);
        if (sessionName == SessionName) return true;
        await using var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        return await CountAsync(connection, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", sessionName, cancellationToken).ConfigureAwait(false) > 0;
    }

    /// <inheritdoc/>
    /// <exception cref="WarehouseException"><see cref="FailureClass.Transient"/>: the sessions did not end in <see cref="PostgreSqlWarehouseOptions.EndSessionsTimeout"/>.</exception>
    public async Task EndSessionsAsync(string sessionName, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(sessionName);
        if (sessionName == SessionName) throw new ArgumentException("These are the sessions of this warehouse itself.", nameof(sessionName));
        await using var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        var left = await UntilGone().ExecuteAsync(
            async token => await CountAsync(connection, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1", sessionName, token).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
        if (left > 0)
            throw _errors.Failed(FailureClass.Transient, $"{left} sessions named {sessionName} did not end within {_options.EndSessionsTimeout.TotalSeconds} s.", "Look at them in pg_stat_activity.");
    }

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken = default)
    {
        const string Sql = """
            SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
                CASE WHEN to_regnamespace('dataplatform') IS NULL THEN has_database_privilege(current_database(), 'CREATE')
                    ELSE has_schema_privilege('dataplatform', 'CREATE') END,
                has_database_privilege(current_database(), 'TEMP'), current_user::text, current_database()::text
            """;
        await using var transaction = await BeginAsync(cancellationToken).ConfigureAwait(false);
        var row = (await transaction.QueryAsync(Sql, null, cancellationToken).ConfigureAwait(false))[0];
        var (readOnly, canCreate, canUseTemp, user, database) = ((bool)row[0]!, (bool)row[1]!, (bool)row[2]!, (string)row[3]!, (string)row[4]!);
        if (readOnly)
            throw _errors.Failed(FailureClass.CannotWrite, "The server only reads: it is a standby, or default_transaction_read_only is on.", "Connect to the primary (of a cluster, its writer endpoint).");
        if (!canCreate)
            throw _errors.Failed(FailureClass.NotAuthorized, $"The role {user} may not create the schema dataplatform or tables in it, where the ledger is kept.",
                $"Run: GRANT CREATE ON DATABASE {TableName.Quote(database)} TO {TableName.Quote(user)}; or create the schema with AUTHORIZATION {TableName.Quote(user)}.");
        if (!canUseTemp)
            throw _errors.Failed(FailureClass.NotAuthorized, $"The role {user} may not create temporary tables, which merges need.",
                $"Run: GRANT TEMPORARY ON DATABASE {TableName.Quote(database)} TO {TableName.Quote(user)};");
    }

    /// <summary>Closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var dataSource in new[] { _withSessionSettings, _withoutSessionSettings }.Where(source => source.IsValueCreated))
            await dataSource.Value.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<IWarehouseTransaction> BeginAsync(IsolationLevel isolation, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        return new PostgreSqlTransaction(connection, await connection.BeginTransactionAsync(isolation, cancellationToken).ConfigureAwait(false), _errors);
    }

    private Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => _errors.GuardAsync(async () =>
    {
        if (!_sessionSettingsRefused)
        {
            try
            {
                return await _withSessionSettings.Value.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException e) when (RefusesSessionSettings(e))
            {
                _sessionSettingsRefused = true;
            }
        }

        return await _withoutSessionSettings.Value.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
    });

    // An older server, one whose system cannot watch connections, or a pooler that takes no options.
    private static bool RefusesSessionSettings(PostgresException exception) =>
        exception.SqlState is PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.ProtocolViolation;

    private string? SessionSettings() => _options.ClientConnectionCheckInterval > TimeSpan.Zero
        ? string.Create(CultureInfo.InvariantCulture, $"-c client_connection_check_interval={_options.ClientConnectionCheckInterval.TotalMilliseconds:0}")
        : null;

    private NpgsqlDataSource Build(string? settings)
    {
        var connectionString = new NpgsqlConnectionStringBuilder(_connectionString.ConnectionString)
        {
            ApplicationName = SessionName,

            // Arrays with NULLs in them could not be read otherwise.
            ArrayNullabilityMode = ArrayNullabilityMode.PerInstance,
        };
        if (settings is not null) connectionString.Options = $"{connectionString.Options} {settings}".Trim();
        var builder = new NpgsqlDataSourceBuilder(connectionString.ConnectionString) { Name = Name };
        builder.UseLoggerFactory(_loggerFactory);
        _options.ConfigureDataSource?.Invoke(builder);
        return builder.Build();
    }

    private static NpgsqlConnectionStringBuilder Read(string name, string connectionString)
    {
        try
        {
            var given = new NpgsqlConnectionStringBuilder(connectionString);
            if (!given.ShouldSerialize("Command Timeout")) given.CommandTimeout = 0;
            // So that a server that is gone, and not only closed, is noticed in a minute: the system's default is two hours.
            if (!given.ShouldSerialize("Tcp Keepalive Time")) (given.TcpKeepAliveTime, given.TcpKeepAliveInterval) = (30, 10);
            // Of several hosts only the primary can be written to.
            if (given.Host?.Contains(',', StringComparison.Ordinal) == true) given.TargetSessionAttributes ??= "primary";
            if (!given.ShouldSerialize("Read Buffer Size")) given.ReadBufferSize = 64 * 1024;
            given.IncludeErrorDetail = true;
            given.Multiplexing = false;
            return given;
        }
        catch (ArgumentException e)
        {
            // A keyword that does not exist may be part of a password that is not quoted: only one that does is named.
            var known = e.ParamName is { } keyword && new NpgsqlConnectionStringBuilder().ContainsKey(keyword);
            throw new WarehouseException(
                FailureClass.Configuration,
                $"The connection string of warehouse '{name}' cannot be read: {(known ? $"the value of '{e.ParamName}' is not valid" : "it is not made of keywords that Npgsql knows")}.",
                "Write it as Keyword=Value;Keyword=Value and put values that contain ; or = or quotes in quotes. The keywords are listed at https://www.npgsql.org/doc/connection-string-parameters.html.");
        }
    }

    private async Task CancelAsync(int processId)
    {
        await using var connection = await OpenAsync(CancellationToken.None).ConfigureAwait(false);
        await using var command = PostgreSqlCommands.Create(connection, "SELECT pg_cancel_backend($1)", [processId]);
        await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }

    private Task<long> CountAsync(NpgsqlConnection connection, string sql, string name, CancellationToken cancellationToken) => _errors.GuardAsync(async () =>
    {
        await using var command = PostgreSqlCommands.Create(connection, sql, [name]);
        return (long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }, sql);

    // pg_terminate_backend only asks; asking again does no harm.
    private ResiliencePipeline<long> UntilGone() => new ResiliencePipelineBuilder<long>()
        .AddRetry(new RetryStrategyOptions<long>
        {
            ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Result > 0),
            Delay = TimeSpan.FromMilliseconds(100),
            MaxRetryAttempts = Math.Max(1, (int)(_options.EndSessionsTimeout / TimeSpan.FromMilliseconds(100))),
        })
        .Build();
}
