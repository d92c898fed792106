using System.Net.Sockets;
using Npgsql;

namespace DataPlatform.Testing;

/// <summary>The PostgreSQL server of the tests: the one of <c>eng/services.sh</c> unless DATAPLATFORM_TEST_POSTGRES names another.</summary>
public static class TestPostgres
{
    /// <summary>Connects as a superuser.</summary>
    public static string ConnectionString { get; } =
        Environment.GetEnvironmentVariable("DATAPLATFORM_TEST_POSTGRES")
        ?? "Host=127.0.0.1;Port=25432;Username=dp;Password=dp-test-password;Database=dp";

    /// <summary>Creates an empty database of the test's own.</summary>
    public static async Task<TestDatabase> CreateDatabaseAsync(CancellationToken cancellationToken = default)
    {
        var name = $"test_{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE DATABASE {name}", cancellationToken);
        return new TestDatabase(name);
    }

    internal static async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
        }
        catch (NpgsqlException e) when (e.InnerException is SocketException or TimeoutException)
        {
            throw new InvalidOperationException($"PostgreSQL does not answer on {connection.Host}:{connection.Port}. Run `eng/services.sh start`.", e);
        }

        // A database is dropped once every session on the server has answered, and one that writes to a slow reader answers late.
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 180 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>A database that is dropped at the end, also when connections to it are still open.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    internal TestDatabase(string name)
    {
        Name = name;
        ConnectionString = new NpgsqlConnectionStringBuilder(TestPostgres.ConnectionString) { Database = name }.ConnectionString;
    }

    /// <summary>The database's name.</summary>
    public string Name { get; }

    /// <summary>Connects to it as a superuser.</summary>
    public string ConnectionString { get; }

    /// <summary>Drops it.</summary>
    public async ValueTask DisposeAsync() => await TestPostgres.ExecuteAsync($"DROP DATABASE {Name} WITH (FORCE)", CancellationToken.None);
}
