using System.Net;
using System.Net.Sockets;

namespace DataPlatform.Testing;

/// <summary>A TCP proxy on 127.0.0.1.</summary>
public abstract class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private readonly List<Task> _connections = [];

    /// <summary>Begins to listen.</summary>
    protected TcpProxy()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many connections there were.</summary>
    public int Connections => _connections.Count;

    /// <summary>Ends all connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var connection in _connections) await connection.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Serves a connection until either side ends it.</summary>
    /// <param name="client">Who connected.</param>
    /// <param name="number">The connection's number, from 0.</param>
    /// <param name="stop">Ends it when the proxy ends.</param>
    protected abstract Task ServeAsync(TcpClient client, int number, CancellationToken stop);

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync(_stop.Token);
            _connections.Add(ServeAndCloseAsync(client, _connections.Count));
        }
    }

    private async Task ServeAndCloseAsync(TcpClient client, int number)
    {
        using (client) await ServeAsync(client, number, _stop.Token);
    }
}
