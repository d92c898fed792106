using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>What a load has landed: written when all its files are there, so that files without a manifest are not landed.</summary>
internal sealed record LandingManifest
{
    private const int CurrentVersion = 1;

    // More than a manifest of a hundred thousand files.
    private const long MaxBytes = 64 << 20;

    public int Version { get; init; } = CurrentVersion;

    public required string Pipeline { get; init; }

    public required string Step { get; init; }

    public required string RunId { get; init; }

    public required long LoadId { get; init; }

    /// <summary>Where the load went from here; null when it stays here.</summary>
    public string? Table { get; init; }

    public required string ContractVersion { get; init; }

    /// <summary>The SHA-256 of the columns' names and types.</summary>
    public required string SchemaHash { get; init; }

    public required IReadOnlyList<LandedColumn> Columns { get; init; }

    /// <summary>What the files lie in folders by.</summary>
    public IReadOnlyList<string> PartitionBy { get; init; } = [];

    public required DateTimeOffset LandedAt { get; init; }

    public required long Rows { get; init; }

    public required IReadOnlyList<LandedFile> Files { get; init; }

    public static IReadOnlyList<LandedColumn> ColumnsOf(Contract contract) =>
        [.. contract.Columns.Select(column => new LandedColumn(column.Name, ColumnTypeName.Of(column.Field), column.IsNullable))];

    public static string HashOf(IReadOnlyList<LandedColumn> columns) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', columns))));

    /// <summary>Stores the manifest under a key that has none.</summary>
    /// <exception cref="ObjectPreconditionException">There is one.</exception>
    public async Task PutAsync(IObjectStore store, string key, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(this, LandingJson.Default.LandingManifest));
        await store.PutAsync(key, content, new ObjectPutOptions { IfAbsent = true, ContentType = "application/json" }, cancellationToken).ConfigureAwait(false);
    }

    /// <exception cref="DataPlatformException">There is none, or it cannot be read.</exception>
    public static async Task<LandingManifest> ReadAsync(IObjectStore store, string key, CancellationToken cancellationToken)
    {
        var content = await store.OpenReadAsync(key, new ByteRange(0, MaxBytes), cancellationToken).ConfigureAwait(false);
        await using (content.ConfigureAwait(false))
        {
            try
            {
                var manifest = await JsonSerializer.DeserializeAsync(content, LandingJson.Default.LandingManifest, cancellationToken).ConfigureAwait(false);
                if (manifest is { Version: CurrentVersion }) return manifest;
                throw Invalid(store, key, manifest is null ? "it is null" : $"it has version {manifest.Version}, and this program knows version {CurrentVersion}", cause: null);
            }
            catch (JsonException exception)
            {
                throw Invalid(store, key, exception.Message, exception);
            }
        }
    }

    private static DataPlatformException Invalid(IObjectStore store, string key, string problem, Exception? cause) => new(
        FailureClass.Data, $"{store.Name}:{key} is not a manifest of a landing zone: {problem}.", "Put back what was there, or remove it and land the data again.", cause);
}

/// <summary>A column of landed files.</summary>
internal sealed record LandedColumn(string Name, string Type, bool Nullable)
{
    public override string ToString() => $"{Name} {Type}{(Nullable ? "" : " not null")}";
}

/// <summary>A file of a landing zone.</summary>
/// <param name="Path">Its key in the store.</param>
/// <param name="Sha256">The SHA-256 of its bytes, in hexadecimal.</param>
/// <param name="Bytes">How many bytes it has.</param>
/// <param name="Rows">How many rows it has.</param>
internal sealed record LandedFile(string Path, string Sha256, long Bytes, long Rows);

/// <summary>Says of which run the files of a load are that may not have committed: what a killed process left is known by it.</summary>
internal sealed record LandingMark(string RunId)
{
    private const long MaxBytes = 64 << 10;

    public async Task PutAsync(IObjectStore store, string key, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(this, LandingJson.Default.LandingMark));
        await store.PutAsync(key, content, new ObjectPutOptions { ContentType = "application/json" }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads a mark; null when it is not one.</summary>
    public static async Task<LandingMark?> FindAsync(IObjectStore store, string key, CancellationToken cancellationToken)
    {
        var content = await store.OpenReadAsync(key, new ByteRange(0, MaxBytes), cancellationToken).ConfigureAwait(false);
        await using (content.ConfigureAwait(false))
        {
            try
            {
                return await JsonSerializer.DeserializeAsync(content, LandingJson.Default.LandingMark, cancellationToken).ConfigureAwait(false);
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }
}

[JsonSerializable(typeof(LandingManifest))]
[JsonSerializable(typeof(LandingMark))]
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
internal sealed partial class LandingJson : JsonSerializerContext;
