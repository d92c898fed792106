namespace DataPlatform.Secrets;

/// <summary><c>${secret://env/NAME}</c>: environment variables.</summary>
internal sealed class EnvironmentSecretStore(TimeProvider time) : ISecretStore
{
    public string Scheme => "env";

    public Task<SecretValue?> FindAsync(string name, CancellationToken cancellationToken = default) =>
        Task.FromResult(Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
            ? new SecretValue(value, Describe(name), Version: null, time.GetUtcNow())
            : null);

    public string Describe(string name) => $"environment variable {name}";
}
