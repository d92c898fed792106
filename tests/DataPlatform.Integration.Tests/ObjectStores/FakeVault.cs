using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace DataPlatform.Integration.Tests.ObjectStores;

/// <summary>
/// The transit engine of HashiCorp Vault as far as Ceph asks it for the keys of SSE-S3, at the address that the test server is configured with.
/// It keeps nothing: an encrypted key is the key. So any test process that runs at the same time can answer for another.
/// </summary>
internal sealed class FakeVault : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Task _serving;

    private FakeVault()
    {
        _listener.Prefixes.Add("http://127.0.0.1:25492/");
        try
        {
            _listener.Start();
            _serving = ServeAsync();
        }
        catch (HttpListenerException)
        {
            _serving = Task.CompletedTask; // Another test process serves.
        }
    }

    public static FakeVault Start() => new();

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                await AnswerAsync(await _listener.GetContextAsync());
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static async Task AnswerAsync(HttpListenerContext context)
    {
        var request = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.HasEntityBody ? context.Request.InputStream : new MemoryStream("{}"u8.ToArray()));
        var path = context.Request.Url!.AbsolutePath;
        object data = new { };
        if (path.Contains("/datakey/plaintext/", StringComparison.Ordinal))
        {
            var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
            data = new { plaintext = key, ciphertext = $"vault:v1:{key}" };
        }
        else if (path.Contains("/decrypt/", StringComparison.Ordinal))
        {
            data = new { plaintext = request.GetProperty("ciphertext").GetString()!["vault:v1:".Length..] };
        }

        await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { data })));
        context.Response.Close();
    }
}
