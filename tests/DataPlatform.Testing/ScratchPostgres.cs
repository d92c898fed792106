using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace DataPlatform.Testing;

/// <summary>A PostgreSQL server of a test's own, for what the shared one must be spared: restarts.</summary>
public sealed class ScratchPostgres : IAsyncDisposable
{
    private readonly ScratchFolder _folder = new();
    private readonly int _port = FreePort();

    private ScratchPostgres()
    {
    }

    /// <summary>Connects to its database as a superuser.</summary>
    public string ConnectionString => new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = _port, Username = "dp", Database = "postgres", Pooling = false }.ConnectionString;

    private string Data => _folder.Combine("data");

    /// <summary>Creates and starts it.</summary>
    public static async Task<ScratchPostgres> StartAsync()
    {
        var server = new ScratchPostgres();
        if (Environment.IsPrivilegedProcess) await RunAsync("chown", ["postgres:", server._folder.Path]);
        await server.RunToolAsync("initdb", "-D", server.Data, "--username=dp", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync");
        await File.AppendAllTextAsync(
            Path.Combine(server.Data, "postgresql.conf"), $"listen_addresses = '127.0.0.1'\nport = {server._port}\nunix_socket_directories = ''\n");
        await server.ControlAsync("start", "-l", server._folder.Combine("log"));
        return server;
    }

    /// <summary>Lets it go down at once, as in a crash, and come up again.</summary>
    public Task RestartAsync() => ControlAsync("restart", "-m", "immediate", "-l", _folder.Combine("log"));

    /// <summary>Stops and deletes it.</summary>
    public async ValueTask DisposeAsync()
    {
        await ControlAsync("stop", "-m", "immediate");
        _folder.Dispose();
    }

    private Task ControlAsync(string command, params string[] arguments) => RunToolAsync("pg_ctl", ["-D", Data, "-s", "-w", command, .. arguments]);

    // PostgreSQL refuses to run as root.
    private static Task RunToolAsync(string tool, IReadOnlyList<string> arguments)
    {
        var path = Path.Combine(
            Directory.GetDirectories("/usr/lib/postgresql").OrderBy(d => int.Parse(Path.GetFileName(d), System.Globalization.CultureInfo.InvariantCulture)).Last(), "bin", tool);
        return Environment.IsPrivilegedProcess ? RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments]) : RunAsync(path, arguments);
    }

    private Task RunToolAsync(string tool, params string[] arguments) => RunToolAsync(tool, (IReadOnlyList<string>)arguments);

    private static async Task RunAsync(string program, IReadOnlyList<string> arguments)
    {
        // No pipes: the server would inherit them and hold them open.
        var start = new ProcessStartInfo("sh") { ArgumentList = { "-c", "cd / && exec \"$0\" \"$@\" >/dev/null 2>&1 </dev/null", program } };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }

    // Not one that the system gives to clients (32768 and above): it would be taken while the server restarts.
    private static int FreePort()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(20_000, 25_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
            }
        }
    }
}
