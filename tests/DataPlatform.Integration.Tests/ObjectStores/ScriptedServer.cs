using System.Net;
using System.Text;

namespace DataPlatform.Integration.Tests.ObjectStores;

/// <summary>An HTTP server that answers as a function says: for what a real S3 server cannot be made to answer.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Func<HttpListenerRequest, Task<(int Status, string Body)>> _answer;
    private readonly Task _serving;

    private ScriptedServer(string endpoint, Func<HttpListenerRequest, Task<(int Status, string Body)>> answer)
    {
        Endpoint = endpoint;
        _answer = answer;
        _listener.Prefixes.Add($"{endpoint}/");
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Endpoint { get; }

    public static ScriptedServer Start(Func<HttpListenerRequest, Task<(int Status, string Body)>> answer)
    {
        while (true)
        {
            try
            {
                return new ScriptedServer($"http://127.0.0.1:{Random.Shared.Next(20_000, 30_000)}", answer);
            }
            catch (HttpListenerException)
            {
                // The port is taken.
            }
        }
    }

    public static ScriptedServer StartFailing(int status, string code, string message = "") =>
        Start(_ => Task.FromResult((status, $"<Error><Code>{code}</Code><Message>{message}</Message></Error>")));

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true) _ = AnswerAsync(await _listener.GetContextAsync());
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        var (status, body) = await _answer(context.Request);
        await context.Request.InputStream.CopyToAsync(Stream.Null);
        context.Response.StatusCode = status;
        context.Response.Headers["ETag"] = "\"etag\"";
        if (context.Request.HttpMethod != "HEAD") await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body));
        context.Response.Close();
    }
}
