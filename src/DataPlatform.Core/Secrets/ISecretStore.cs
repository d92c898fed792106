namespace DataPlatform.Secrets;

/// <summary>
/// Where secrets are kept. A configuration value <c>${secret://STORE/NAME}</c> is replaced by what the store of that
/// <see cref="Scheme"/> returns for NAME, before the host starts.
/// </summary>
/// <remarks>Register one with <c>services.AddSingleton&lt;ISecretStore, MyStore&gt;()</c>. Called for several names at the same time.</remarks>
public interface ISecretStore
{
    /// <summary>The STORE in <c>${secret://STORE/NAME}</c>, such as <c>env</c>, <c>file</c>, <c>aws</c>, <c>vault</c>.</summary>
    string Scheme { get; }

    /// <summary>Finds a secret, or returns null when the store has none of that name. Throws when the store itself cannot be asked.</summary>
    Task<SecretValue?> FindAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Where a secret of that name is looked for, for people: <c>environment variable DB_PASSWORD</c>. Shown when it is missing.</summary>
    string Describe(string name) => $"{Scheme} secret '{name}'";
}

/// <summary>A secret's value and what may be told of it.</summary>
/// <param name="Value">The value; masked wherever it would be printed.</param>
/// <param name="Source">Where it came from, for people: <c>environment variable DB_PASSWORD</c>.</param>
/// <param name="Version">The store's version of it, if it has one.</param>
/// <param name="RetrievedAt">When it was read.</param>
public sealed record SecretValue(string Value, string Source, string? Version, DateTimeOffset RetrievedAt)
{
    /// <summary>The source, never the value.</summary>
    public override string ToString() => $"*** ({Source})";
}
