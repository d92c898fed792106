using System.Diagnostics;
using DataPlatform.Testing;
using Npgsql;

namespace DataPlatform.Crash.Tests;

/// <summary>A file system of a few megabytes, which PostgreSQL can keep a database on.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private readonly ScratchFolder _folder = new();
    private readonly string _tablespace = $"small_{Guid.NewGuid():N}";

    private SmallDisk()
    {
    }

    private string Filler => _folder.Combine("filler");

    private string Space => _folder.Combine("space");

    public static async Task<SmallDisk> MountAsync(int megabytes)
    {
        var disk = new SmallDisk();
        await AsRootAsync($"mount -t tmpfs -o size={megabytes}m,mode=755 tmpfs {disk._folder.Path} && mkdir {disk.Space} && chown postgres: {disk.Space} && touch {disk.Filler} && chmod 666 {disk.Filler}");
        await ExecuteAsync($"CREATE TABLESPACE {disk._tablespace} LOCATION '{disk.Space}'");
        return disk;
    }

    /// <summary>A database whose tables are on the disk.</summary>
    public async Task<TestDatabase> CreateDatabaseAsync()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await ExecuteAsync($"ALTER DATABASE {database.Name} SET TABLESPACE {_tablespace}");
        return database;
    }

    /// <summary>Takes all the room but so much.</summary>
    public async Task FillAsync(int leaveMegabytes)
    {
        var room = new DriveInfo(_folder.Path).AvailableFreeSpace - (leaveMegabytes * 1_000_000L);
        room.Should().BePositive();
        await File.WriteAllBytesAsync(Filler, new byte[room]);
    }

    /// <summary>Gives it back.</summary>
    public void Free() => File.WriteAllBytes(Filler, []);

    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync($"DROP TABLESPACE {_tablespace}");
        await AsRootAsync($"umount {_folder.Path}");
        _folder.Dispose();
    }

    private static async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(TestPostgres.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task AsRootAsync(string command)
    {
        var start = new ProcessStartInfo(Environment.IsPrivilegedProcess ? "sh" : "sudo") { RedirectStandardError = true };
        foreach (var argument in Environment.IsPrivilegedProcess ? ["-c", command] : new[] { "sh", "-c", command }) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{command}: {error}");
    }
}
