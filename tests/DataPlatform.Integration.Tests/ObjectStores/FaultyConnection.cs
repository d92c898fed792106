using System.Net.Sockets;
using System.Text;
using DataPlatform.Testing;

namespace DataPlatform.Integration.Tests.ObjectStores;

/// <summary>A TCP proxy before a server of HTTP/1.1 that spoils the answers to chosen requests.</summary>
internal sealed class FaultyConnection : TcpProxy
{
    private readonly Uri _target;
    private readonly Func<string, Fault?> _faultOf;

    private FaultyConnection(string target, Func<string, Fault?> faultOf) => (_target, _faultOf) = (new Uri(target), faultOf);

    public string Endpoint => $"http://127.0.0.1:{Port}";

    /// <param name="target">The server's address.</param>
    /// <param name="faultOf">Tells by the request line, <c>PUT /bucket/key HTTP/1.1</c>, what happens to the answer; null for nothing.</param>
    public static FaultyConnection To(string target, Func<string, Fault?> faultOf) => new(target, faultOf);

    protected override async Task ServeAsync(TcpClient client, int number, CancellationToken stop)
    {
        using var server = new TcpClient();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await server.ConnectAsync(_target.Host, _target.Port, stop);
        Fault? fault = null;
        var answered = 0;
        var requests = PumpAsync(client.GetStream(), server.GetStream(), chunk =>
        {
            if (RequestLine(chunk.Span) is { } line) (fault, answered) = (_faultOf(line), 0);
            return chunk;
        }, end.Token);
        var answers = PumpAsync(server.GetStream(), client.GetStream(), chunk =>
        {
            var from = answered;
            answered += chunk.Length;
            if (fault is null || fault.At >= answered) return chunk;
            if (fault.Cuts) return chunk[..Math.Max(0, fault.At - from)];
            if (fault.At >= from) chunk.Span[fault.At - from] ^= 0xFF;
            return chunk;
        }, end.Token);
        await Task.WhenAny(requests, answers);
        await end.CancelAsync();
    }

    // Ends when the source does or when a chunk comes back shorter.
    private static async Task PumpAsync(Stream from, Stream to, Func<Memory<byte>, Memory<byte>> change, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        while (await from.ReadAsync(buffer, cancellationToken) is var read and > 0)
        {
            var changed = change(buffer.AsMemory(0, read));
            await to.WriteAsync(changed, cancellationToken);
            if (changed.Length < read) return;
        }
    }

    private static string? RequestLine(ReadOnlySpan<byte> chunk)
    {
        var end = chunk.IndexOf("\r\n"u8);
        var line = end < 0 || end > 4_096 ? "" : Encoding.Latin1.GetString(chunk[..end]);
        return line.EndsWith(" HTTP/1.1", StringComparison.Ordinal) ? line : null;
    }
}

/// <summary>What happens to an answer.</summary>
/// <param name="At">At which of its bytes, from 0 and its headers included.</param>
/// <param name="Cuts">Whether the connection is cut there. Else the byte is changed.</param>
internal sealed record Fault(int At, bool Cuts)
{
    public static Fault Lost { get; } = new(0, Cuts: true);
}
