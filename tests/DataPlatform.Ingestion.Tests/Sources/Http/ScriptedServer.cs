using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DataPlatform.Ingestion.Tests.Sources.Http;

/// <summary>A request as it came in.</summary>
internal sealed record Asked(string Method, string Target, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public string Path => Target.Split('?')[0];

    public string? Query(string name) => Target.Split('?').ElementAtOrDefault(1)?.Split('&').Select(part => part.Split('=')).FirstOrDefault(part => part[0] == name)?.ElementAtOrDefault(1) is { } value
        ? Uri.UnescapeDataString(value)
        : null;
}

/// <summary>What a server answers.</summary>
internal sealed record Answer(byte[] Body, int Status = 200, string? ContentType = "application/json")
{
    public List<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>How long it says the body is, when that is not how long it is.</summary>
    public int? SaidLength { get; init; }

    /// <summary>Whether nothing more comes after the body, and the connection stays open.</summary>
    public bool Hangs { get; init; }

    /// <summary>What is sent in place of all that, byte for byte; lines end in LF here and in CRLF on the way. Null for an answer that is one.</summary>
    public string? Raw { get; init; }

    /// <summary>Whether the connection is closed without an answer.</summary>
    public bool Closes { get; init; }

    public static Answer Json(string body) => new(Encoding.UTF8.GetBytes(body));

    public static Answer Of(int status, params (string, string)[] headers) => new([], status, null) { Headers = [.. headers] };

    public Answer With(string name, string value) => this with { Headers = [.. Headers, (name, value)] };
}

/// <summary>A web server on a port of its own that answers as a test says, faults included: written on sockets, because servers that mean well do not break off in the middle.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Asked, Answer> _answer;
    private readonly Task _accepting;

    public ScriptedServer(Func<Asked, Answer> answer)
    {
        _answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public ConcurrentQueue<Asked> Asked { get; } = [];

    public string Address => $"http://{_listener.LocalEndpoint}";

    public async ValueTask DisposeAsync()
    {
        // A listener that has stopped cannot be asked for the next connection.
        await _stop.CancelAsync();
        await _accepting;
        _listener.Stop();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (Exception exception) when (_stop.IsCancellationRequested && exception is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                if (await ReadAsync(stream) is not { } asked) return;
                Asked.Enqueue(asked);
                var answer = _answer(asked);
                if (answer.Closes) return;
                await stream.WriteAsync(Encoding.ASCII.GetBytes(answer.Raw?.ReplaceLineEndings("\r\n") ?? Head(answer)), _stop.Token);
                if (asked.Method != "HEAD") await stream.WriteAsync(answer.Body, _stop.Token);
                await stream.FlushAsync(_stop.Token);
                if (answer.Hangs) await Task.Delay(Timeout.Infinite, _stop.Token);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                // The client went away, or the test is over.
            }
        }
    }

    private static string Head(Answer answer)
    {
        var head = new StringBuilder($"HTTP/1.1 {answer.Status} Scripted\r\nConnection: close\r\nContent-Length: {answer.SaidLength ?? answer.Body.Length}\r\n");
        if (answer.ContentType is not null) head.Append($"Content-Type: {answer.ContentType}\r\n");
        foreach (var (name, value) in answer.Headers) head.Append($"{name}: {value}\r\n");
        return head.Append("\r\n").ToString();
    }

    private async Task<Asked?> ReadAsync(NetworkStream stream)
    {
        var bytes = new List<byte>();
        var buffer = new byte[4096];
        while (true)
        {
            var end = Encoding.Latin1.GetString([.. bytes]).IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var lines = Encoding.Latin1.GetString([.. bytes], 0, end).Split("\r\n");
                var headers = lines.Skip(1).Select(line => line.Split(": ", 2)).ToDictionary(part => part[0], part => part[1], StringComparer.OrdinalIgnoreCase);
                var length = headers.TryGetValue("Content-Length", out var text) ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : 0;
                if (bytes.Count >= end + 4 + length)
                {
                    var first = lines[0].Split(' ');
                    return new Asked(first[0], first[1], headers, Encoding.UTF8.GetString([.. bytes], end + 4, length));
                }
            }

            var read = await stream.ReadAsync(buffer, _stop.Token);
            if (read == 0) return null;
            bytes.AddRange(buffer[..read]);
        }
    }
}
