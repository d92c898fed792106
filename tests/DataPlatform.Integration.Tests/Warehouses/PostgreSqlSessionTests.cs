using System.Net;
using System.Net.Sockets;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Resilience;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Integration.Tests.Warehouses;

public sealed class PostgreSqlSessionTests : PostgreSqlTests
{
    [Fact]
    public async Task Sessions_carry_the_warehouses_name_and_settings_whatever_the_connection_string_says()
    {
        await using var warehouse = Open(builder => (builder.ApplicationName, builder.Options) = ("mine", "-c work_mem=7MB"));
        warehouse.SessionName.Should().MatchRegex("^dataplatform-[0-9a-f]{12}$");
        await using var transaction = await warehouse.BeginAsync(Cancelled);
        (await transaction.QueryAsync(
                "SELECT current_setting('application_name'), current_setting('client_connection_check_interval'), current_setting('statement_timeout'), current_setting('work_mem')", null, Cancelled))
            .ShouldEqual([[warehouse.SessionName, "1s", "0", "7MB"]]);
    }

    [Fact]
    public async Task Settings_outlive_the_return_to_the_pool()
    {
        for (var i = 0; i < 2; i++)
            (await QueryAsync("SELECT current_setting('application_name'), current_setting('client_connection_check_interval')")).ShouldEqual([[Warehouse.SessionName, "1s"]]);
    }

    [Fact]
    public async Task Npgsql_can_be_configured_further()
    {
        await using var warehouse = new PostgreSqlWarehouse("warehouse", Without(Database.ConnectionString, "Password"), new PostgreSqlWarehouseOptions
        {
            ConfigureDataSource = builder => builder.UsePeriodicPasswordProvider(
                (_, _) => ValueTask.FromResult(new NpgsqlConnectionStringBuilder(Database.ConnectionString).Password!), TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(1)),
        });
        await warehouse.CheckAsync(Cancelled);
    }

    [Fact]
    public async Task Of_several_hosts_the_primary_that_answers_is_used()
    {
        var database = new NpgsqlConnectionStringBuilder(Database.ConnectionString);
        await using var warehouse = Open(builder => builder.Host = $"127.0.0.1:1,{database.Host}:{database.Port}");
        await warehouse.CheckAsync(Cancelled);
    }

    [Fact]
    public async Task What_a_process_was_doing_ends_when_it_is_gone()
    {
        await using var proxy = new Proxy(Database.ConnectionString);
        var warehouse = new PostgreSqlWarehouse("other", proxy.ConnectionString);
        var busy = Task.Run(() => warehouse.ReadAsync("SELECT pg_sleep(600)", null, Cancelled).ToRowsAsync(), Cancelled);
        while (!await Warehouse.IsSessionAliveAsync(warehouse.SessionName, Cancelled)) await Task.Yield();

        // As the kernel does for a process that was killed: all its connections are closed at once.
        await proxy.DisposeAsync();
        await busy.Awaiting(task => task).Should().ThrowAsync<WarehouseException>();

        using var soon = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        soon.CancelAfter(TimeSpan.FromSeconds(15));
        while (await Warehouse.IsSessionAliveAsync(warehouse.SessionName, soon.Token)) await Task.Yield();
        await warehouse.DisposeAsync();
    }

    [Fact]
    public async Task A_server_that_does_not_know_the_session_settings_is_used_without_them()
    {
        await using var proxy = new Proxy(Database.ConnectionString, refuse: "client_connection_check_interval");
        await using var warehouse = new PostgreSqlWarehouse("older", proxy.ConnectionString);
        await using var transaction = await warehouse.BeginAsync(Cancelled);
        (await transaction.QueryAsync("SELECT current_setting('client_connection_check_interval'), current_setting('application_name')", null, Cancelled))
            .ShouldEqual([["0", warehouse.SessionName]]);
        proxy.Refusals.Should().Be(1);
    }

    [Fact]
    public async Task A_connection_that_is_cut_during_a_write_is_an_unavailable_server_and_leaves_nothing()
    {
        var schema = new Schema([new Field("n", Int64Type.Default, false)], null);
        await InTransactionAsync(transaction => transaction.CreateTableAsync("raw.target", schema, [], Cancelled));
        await using var proxy = new Proxy(Database.ConnectionString);
        await using var warehouse = new PostgreSqlWarehouse("other", proxy.ConnectionString);
        await using (var transaction = await warehouse.BeginAsync(Cancelled))
        {
            await using var writer = await transaction.BeginAppendAsync("raw.target", schema, Cancelled);
            using var batch = RecordBatches.Create(schema, [.. Enumerable.Range(0, 100_000).Select(i => (object?[])[(long)i])]);
            await writer.WriteAsync(batch, Cancelled);
            await proxy.DisposeAsync();
            var failure = await FailAsync(async () =>
            {
                for (var i = 0; i < 100; i++) await writer.WriteAsync(batch, Cancelled);
                await writer.CompleteAsync(Cancelled);
            });
            failure.FailureClass.Should().Be(FailureClass.Unavailable);
        }

        (await ReadAsync("SELECT n FROM raw.target")).Should().BeEmpty();
    }

    [Fact]
    public async Task A_write_that_waits_for_a_lock_can_be_cancelled()
    {
        var schema = new Schema([new Field("n", Int64Type.Default, false)], null);
        await InTransactionAsync(transaction => transaction.CreateTableAsync("raw.target", schema, [], Cancelled));
        await using var blocking = await Warehouse.BeginAsync(Cancelled);
        await blocking.ExecuteAsync("LOCK TABLE raw.target IN ACCESS EXCLUSIVE MODE", null, Cancelled);
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        cancellation.CancelAfter(TimeSpan.FromMilliseconds(500));
        await transaction.Awaiting(t => t.BeginAppendAsync("raw.target", schema, cancellation.Token)).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Own_sessions_are_not_ended() =>
        await Warehouse.Awaiting(w => w.EndSessionsAsync(w.SessionName, Cancelled)).Should().ThrowAsync<ArgumentException>();

    [Fact]
    public async Task A_wrong_password_is_told_without_it()
    {
        var failure = await FailToConnectAsync(builder => builder.Password = "wr0ng-password", FailureClass.NotAuthorized, "password authentication failed");
        failure.ToString().Should().NotContain("wr0ng-password");
        failure.Hint.Should().Contain("Password");
    }

    [Fact]
    public Task A_missing_password_is_told() => FailToConnectAsync(builder => builder.Remove("Password"), FailureClass.Configuration, "asks for a password");

    [Fact]
    public Task A_role_that_does_not_exist_is_told() => FailToConnectAsync(builder => builder.Username = "nobody-at-all", FailureClass.NotAuthorized, "nobody-at-all");

    [Fact]
    public Task A_database_that_does_not_exist_is_told() => FailToConnectAsync(builder => builder.Database = "no_such_db", FailureClass.Configuration, "no_such_db");

    [Fact]
    public Task A_port_that_nobody_listens_on_is_told() => FailToConnectAsync(builder => builder.Port = 1, FailureClass.Unavailable, "cannot be reached");

    [Fact]
    public Task A_host_that_does_not_exist_is_told() => FailToConnectAsync(builder => builder.Host = "warehouse.invalid", FailureClass.Unavailable, "warehouse.invalid");

    [Fact]
    public Task A_server_without_TLS_is_told_when_TLS_is_asked_for() => FailToConnectAsync(builder => builder.SslMode = SslMode.Require, FailureClass.Configuration, "TLS");

    [Fact]
    public async Task A_server_that_does_not_answer_is_told()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await FailToConnectAsync(
            builder => (builder.Port, builder.Timeout) = (((IPEndPoint)silent.LocalEndpoint).Port, 1), FailureClass.Unavailable, "does not answer");
    }

    [Fact]
    public async Task A_standby_or_read_only_role_is_told()
    {
        await ExecuteAsync($"ALTER DATABASE {Database.Name} SET default_transaction_read_only = on");
        var failure = await FailAsync(() => Warehouse.CheckAsync(Cancelled));
        failure.FailureClass.Should().Be(FailureClass.CannotWrite);
        failure.Hint.Should().Contain("primary");
    }

    [Fact]
    public async Task Missing_privileges_are_told_with_the_statement_that_gives_them()
    {
        var role = $"poor_{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'poor-password'; REVOKE TEMP ON DATABASE {Database.Name} FROM PUBLIC");
        try
        {
            await using var warehouse = Open(builder => (builder.Username, builder.Password) = (role, "poor-password"));
            var create = await FailAsync(() => warehouse.CheckAsync(Cancelled));
            create.FailureClass.Should().Be(FailureClass.NotAuthorized);
            create.Hint.Should().Contain($"GRANT CREATE ON DATABASE \"{Database.Name}\" TO \"{role}\"");

            await ExecuteAsync($"CREATE SCHEMA dataplatform AUTHORIZATION {role}");
            var temporary = await FailAsync(() => warehouse.CheckAsync(Cancelled));
            temporary.Hint.Should().Contain($"GRANT TEMPORARY ON DATABASE \"{Database.Name}\" TO \"{role}\"");

            await ExecuteAsync($"GRANT TEMP ON DATABASE {Database.Name} TO {role}; CREATE TABLE public.secret (n int)");
            await warehouse.CheckAsync(Cancelled);
            await using var transaction = await warehouse.BeginAsync(Cancelled);
            var denied = await FailAsync(() => transaction.QueryAsync("SELECT n FROM public.secret", null, Cancelled));
            denied.FailureClass.Should().Be(FailureClass.NotAuthorized);
            denied.Message.Should().Contain("permission denied for table secret");
        }
        finally
        {
            await ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task A_table_can_be_created_in_a_schema_that_others_made()
    {
        var role = $"poor_{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'poor-password'; CREATE SCHEMA raw AUTHORIZATION {role}");
        try
        {
            await using var warehouse = Open(builder => (builder.Username, builder.Password) = (role, "poor-password"));
            await using var transaction = await warehouse.BeginAsync(Cancelled);
            await transaction.CreateTableAsync("raw.target", new Schema([new Field("n", Int64Type.Default, false)], null), [], Cancelled);
            await transaction.ReplaceTableAsync("raw.other", "SELECT 1 AS n", Cancelled);
            await transaction.CommitAsync(Cancelled);
        }
        finally
        {
            await ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task Exceptions_of_Npgsql_itself_are_classified_too()
    {
        var classification = new FailureClassification([new PostgreSqlFailureClassifier()]);
        await using var connection = await Warehouse.OpenConnectionAsync(Cancelled);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT 1 / 0";
        var division = (await command.Awaiting(c => c.ExecuteScalarAsync(Cancelled)).Should().ThrowAsync<PostgresException>()).Which;
        classification.Classify(division).Should().BeEquivalentTo(new { Class = FailureClass.Data, Message = "division by zero. (SQLSTATE 22012)" });

        await using var nowhere = new NpgsqlConnection("Host=127.0.0.1;Port=1;Username=x");
        var refused = (await nowhere.Awaiting(c => c.OpenAsync(Cancelled)).Should().ThrowAsync<NpgsqlException>()).Which;
        classification.Classify(refused).Class.Should().Be(FailureClass.Unavailable);
    }

    private async Task<WarehouseException> FailToConnectAsync(Action<NpgsqlConnectionStringBuilder> change, FailureClass failureClass, string message)
    {
        await using var warehouse = Open(change);
        var failure = await FailAsync(() => warehouse.CheckAsync(Cancelled));
        failure.FailureClass.Should().Be(failureClass);
        failure.Message.Should().Contain(message).And.Contain("'warehouse'");
        failure.Hint.Should().NotBeNullOrEmpty();
        return failure;
    }

    private PostgreSqlWarehouse Open(Action<NpgsqlConnectionStringBuilder> change)
    {
        var builder = new NpgsqlConnectionStringBuilder(Database.ConnectionString);
        change(builder);
        return new PostgreSqlWarehouse("warehouse", builder.ConnectionString);
    }

    private static string Without(string connectionString, string keyword)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        builder.Remove(keyword);
        return builder.ConnectionString;
    }

    /// <summary>Stands between warehouse and server: can be cut, and can refuse a session setting as an older server does.</summary>
    private sealed class Proxy : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();
        private readonly (string Host, int Port) _server;
        private readonly string? _refuse;
        private readonly Task _accepting;

        public Proxy(string connectionString, string? refuse = null)
        {
            var builder = new NpgsqlConnectionStringBuilder(connectionString);
            _server = (builder.Host!, builder.Port);
            _refuse = refuse;
            _listener.Start();
            (builder.Host, builder.Port) = ("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port);
            (builder.SslMode, builder.GssEncryptionMode) = (SslMode.Disable, GssEncryptionMode.Disable);
            ConnectionString = builder.ConnectionString;
            _accepting = AcceptAsync();
        }

        public string ConnectionString { get; }

        public int Refusals { get; private set; }

        public async ValueTask DisposeAsync()
        {
            if (_stop.IsCancellationRequested) return;
            // A listener that has stopped cannot be asked for the next connection.
            await _stop.CancelAsync();
            await _accepting;
            _listener.Dispose();
        }

        private async Task AcceptAsync()
        {
            var connections = new List<Task>();
            try
            {
                while (true) connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
            catch (OperationCanceledException)
            {
                await Task.WhenAll(connections);
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using (client)
            {
                var startup = new byte[4096];
                var length = await client.GetStream().ReadAsync(startup, _stop.Token);
                if (_refuse is not null && Encoding.UTF8.GetString(startup, 0, length).Contains(_refuse, StringComparison.Ordinal))
                {
                    Refusals++;
                    await client.GetStream().WriteAsync(Refusal(), _stop.Token);
                    return;
                }

                using var server = new TcpClient();
                await server.ConnectAsync(_server.Host, _server.Port, _stop.Token);
                await server.GetStream().WriteAsync(startup.AsMemory(0, length), _stop.Token);
                await Task.WhenAny(CopyAsync(client, server), CopyAsync(server, client));
            }
        }

        private async Task CopyAsync(TcpClient from, TcpClient to)
        {
            try
            {
                await from.GetStream().CopyToAsync(to.GetStream(), _stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException)
            {
                // One side is gone; the other is closed with it.
            }
        }

        // ErrorResponse: https://www.postgresql.org/docs/current/protocol-message-formats.html
        private byte[] Refusal()
        {
            var fields = Encoding.UTF8.GetBytes($"SFATAL\0VFATAL\0C42704\0Munrecognized configuration parameter \"{_refuse}\"\0\0");
            return [(byte)'E', 0, 0, (byte)((fields.Length + 4) >> 8), (byte)(fields.Length + 4), .. fields];
        }
    }
}
