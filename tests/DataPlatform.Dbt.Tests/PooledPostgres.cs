using System.Collections.Concurrent;
using DataPlatform.Testing;
using Npgsql;

[assembly: AssemblyFixture(typeof(DataPlatform.Dbt.PooledPostgres))]

namespace DataPlatform.Dbt;

/// <summary>Databases of PostgreSQL that tests use one after the other: to make one takes longer than most of them.</summary>
public sealed class PooledPostgres : IAsyncDisposable
{
    private static readonly ConcurrentBag<TestDatabase> Free = [];

    /// <summary>A database with two empty schemas: <c>public</c>, and <c>main</c>, as DuckDB has it.</summary>
    public static async Task<TestDatabase> TakeAsync(CancellationToken cancellationToken)
    {
        if (!Free.TryTake(out var database)) database = await TestPostgres.CreateDatabaseAsync(cancellationToken);
        await EmptyAsync(database, cancellationToken);
        return database;
    }

    public static void Return(TestDatabase database) => Free.Add(database);

    public async ValueTask DisposeAsync()
    {
        while (Free.TryTake(out var database)) await database.DisposeAsync();
    }

    private static async Task EmptyAsync(TestDatabase database, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        // What a test has left open would hold its locks.
        await using var command = new NpgsqlCommand("""
            select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid();
            do $$
            declare
                name text;
            begin
                for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
                    execute format('drop schema %I cascade', name);
                end loop;
            end $$;
            create schema public;
            create schema main;
            """, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
