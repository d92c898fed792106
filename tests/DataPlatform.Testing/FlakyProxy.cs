using System.Net.Sockets;

namespace DataPlatform.Testing;

/// <summary>What a <see cref="FlakyProxy"/> does to one connection.</summary>
public sealed record ConnectionPlan
{
    /// <summary>Cuts the connection, without a goodbye, once so many bytes went to the server.</summary>
    public long CutAfter { get; init; } = long.MaxValue;

    /// <summary>Answers with this and closes, and the server hears of nothing; null forwards.</summary>
    public byte[]? Answer { get; init; }

    /// <summary>The most bytes that go through from the server at once, a millisecond after the last; null for no limit.</summary>
    public int? BytesPerMillisecond { get; init; }
}

/// <summary>A TCP proxy before a server that spoils chosen connections.</summary>
public sealed class FlakyProxy : TcpProxy
{
    private readonly (string Host, int Port) _server;
    private readonly Func<int, ConnectionPlan> _planOf;

    private FlakyProxy(string host, int port, Func<int, ConnectionPlan> planOf) => (_server, _planOf) = ((host, port), planOf);

    /// <summary>Starts it.</summary>
    /// <param name="host">The server's address.</param>
    /// <param name="port">The server's port.</param>
    /// <param name="planOf">What happens to a connection, by its number from 0.</param>
    public static FlakyProxy Start(string host, int port, Func<int, ConnectionPlan> planOf) => new(host, port, planOf);

    /// <inheritdoc />
    protected override async Task ServeAsync(TcpClient client, int number, CancellationToken stop)
    {
        var plan = _planOf(number);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (plan.Answer is not null)
        {
            var stream = client.GetStream();
            await stream.ReadAtLeastAsync(new byte[64 * 1024], 1, throwOnEndOfStream: false, end.Token);
            await stream.WriteAsync(plan.Answer, end.Token);
            client.Client.Shutdown(SocketShutdown.Send);
            return;
        }

        using var server = new TcpClient();
        await server.ConnectAsync(_server.Host, _server.Port, end.Token);
        var there = PumpAsync(client.GetStream(), server.GetStream(), plan.CutAfter, null, end.Token);
        var back = PumpAsync(server.GetStream(), client.GetStream(), long.MaxValue, plan.BytesPerMillisecond, end.Token);
        await Task.WhenAny(there, back);
        await end.CancelAsync();
        if (plan.CutAfter < long.MaxValue)
        {
            // A reset, as from a network that is gone, rather than an orderly end.
            client.LingerState = new LingerOption(enable: true, seconds: 0);
            server.LingerState = new LingerOption(enable: true, seconds: 0);
        }
    }

    private static async Task PumpAsync(Stream from, Stream to, long bytes, int? bytesPerMillisecond, CancellationToken cancellationToken)
    {
        var buffer = new byte[bytesPerMillisecond ?? (64 * 1024)];
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        while (bytes > 0 && await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, bytes)), cancellationToken) is var read and > 0)
        {
            await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            bytes -= read;
            if (bytesPerMillisecond is not null) await timer.WaitForNextTickAsync(cancellationToken);
        }
    }
}
