using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using DataPlatform.Warehouses;

namespace DataPlatform.MLOps;

/// <summary>The registry's tables. Every method works within a transaction of the caller's.</summary>
internal static class ModelTables
{
    public const string Module = "models";

    private const string Columns =
        "model, version, stage, description, metrics, params, tags, git_commit, run_id, data_fingerprint, artifact_sha256, artifact_size, created_at";

    private static readonly JsonSerializerOptions Json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    public static IReadOnlyList<IReadOnlyList<string>> Migrations { get; } =
    [
        [
            """
            CREATE TABLE dataplatform.models (
                name text PRIMARY KEY,
                changes bigint NOT NULL,
                created_at timestamptz NOT NULL)
            """,
            """
            CREATE TABLE dataplatform.model_versions (
                model text NOT NULL,
                version integer NOT NULL,
                stage text NOT NULL,
                description text,
                metrics text NOT NULL,
                params text NOT NULL,
                tags text NOT NULL,
                git_commit text,
                run_id text,
                data_fingerprint text,
                artifact_sha256 text NOT NULL,
                artifact_size bigint NOT NULL,
                created_at timestamptz NOT NULL,
                PRIMARY KEY (model, version))
            """,
            """
            CREATE TABLE dataplatform.model_aliases (
                model text NOT NULL,
                alias text NOT NULL,
                version integer NOT NULL,
                PRIMARY KEY (model, alias))
            """,
        ],
    ];

    /// <summary>The versions of a model that meet a condition on <c>v</c>, newest first.</summary>
    public static async Task<IReadOnlyList<ModelVersion>> FindAsync(
        IWarehouseTransaction transaction, string model, string condition, IReadOnlyList<object?> parameters, CancellationToken cancellationToken)
    {
        var rows = await transaction.QueryAsync(
            $"SELECT {Columns} FROM dataplatform.model_versions v WHERE model = $1 AND {condition} ORDER BY version DESC", [model, .. parameters], cancellationToken).ConfigureAwait(false);
        if (rows.Count == 0) return [];
        var aliases = await transaction.QueryAsync("SELECT version, alias FROM dataplatform.model_aliases WHERE model = $1 ORDER BY alias", [model], cancellationToken).ConfigureAwait(false);
        var byVersion = aliases.ToLookup(row => ToInt32(row[0]), row => (string)row[1]!);
        return [.. rows.Select(row => ToVersion(row, byVersion))];
    }

    public static async Task<ModelVersion?> FindVersionAsync(IWarehouseTransaction transaction, string model, int version, CancellationToken cancellationToken) =>
        (await FindAsync(transaction, model, "version = $2", [version], cancellationToken).ConfigureAwait(false)).SingleOrDefault();

    /// <summary>The greatest version number of a model, 0 when it has none.</summary>
    public static async Task<int> FindLastNumberAsync(IWarehouseTransaction transaction, string model, CancellationToken cancellationToken)
    {
        var rows = await transaction.QueryAsync("SELECT coalesce(max(version), 0) FROM dataplatform.model_versions WHERE model = $1", [model], cancellationToken).ConfigureAwait(false);
        return ToInt32(rows[0][0]);
    }

    public static Task AddModelAsync(IWarehouseTransaction transaction, string model, DateTimeOffset createdAt, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync(
            "INSERT INTO dataplatform.models (name, changes, created_at) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING", [model, createdAt], cancellationToken);

    public static Task AddVersionAsync(IWarehouseTransaction transaction, ModelVersion version, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync(
            $"INSERT INTO dataplatform.model_versions ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            [
                version.Model, version.Version, version.Stage.ToString(), version.Description,
                JsonSerializer.Serialize(version.Metrics, Json), JsonSerializer.Serialize(version.Params, Json), JsonSerializer.Serialize(version.Tags, Json),
                version.GitCommit, version.RunId, version.DataFingerprint, version.ArtifactSha256, version.ArtifactSize, version.CreatedAt,
            ],
            cancellationToken);

    /// <summary>Keeps others from changing the model until the transaction ends, or makes one of the two fail as transient.</summary>
    /// <remarks>It counts so that something changes: DuckDB leaves an update out that would change nothing, and with it the conflict.</remarks>
    public static Task LockAsync(IWarehouseTransaction transaction, string model, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync("UPDATE dataplatform.models SET changes = changes + 1 WHERE name = $1", [model], cancellationToken);

    public static Task SetStageAsync(IWarehouseTransaction transaction, string model, int version, ModelStage stage, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync(
            "UPDATE dataplatform.model_versions SET stage = $3 WHERE model = $1 AND version = $2", [model, version, stage.ToString()], cancellationToken);

    /// <summary>The version an alias points at, or null.</summary>
    public static async Task<int?> FindAliasAsync(IWarehouseTransaction transaction, string model, string alias, CancellationToken cancellationToken)
    {
        var rows = await transaction.QueryAsync("SELECT version FROM dataplatform.model_aliases WHERE model = $1 AND alias = $2", [model, alias], cancellationToken).ConfigureAwait(false);
        return rows.Count == 0 ? null : ToInt32(rows[0][0]);
    }

    public static Task SetAliasAsync(IWarehouseTransaction transaction, string model, string alias, int version, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync(
            "INSERT INTO dataplatform.model_aliases (model, alias, version) VALUES ($1, $2, $3) ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version",
            [model, alias, version],
            cancellationToken);

    public static Task DeleteAliasAsync(IWarehouseTransaction transaction, string model, string alias, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync("DELETE FROM dataplatform.model_aliases WHERE model = $1 AND alias = $2", [model, alias], cancellationToken);

    public static async Task<IReadOnlyList<string>> ListModelsAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken)
    {
        var rows = await transaction.QueryAsync("SELECT name FROM dataplatform.models", cancellationToken: cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => (string)row[0]!).Order(StringComparer.Ordinal)];
    }

    private static ModelVersion ToVersion(object?[] row, ILookup<int, string> aliases) => new()
    {
        Model = (string)row[0]!,
        Version = ToInt32(row[1]),
        Stage = Enum.Parse<ModelStage>((string)row[2]!),
        Aliases = [.. aliases[ToInt32(row[1])]],
        Description = (string?)row[3],
        Metrics = JsonSerializer.Deserialize<Dictionary<string, double>>((string)row[4]!, Json)!,
        Params = JsonSerializer.Deserialize<Dictionary<string, string>>((string)row[5]!, Json)!,
        Tags = JsonSerializer.Deserialize<Dictionary<string, string>>((string)row[6]!, Json)!,
        GitCommit = (string?)row[7],
        RunId = (string?)row[8],
        DataFingerprint = (string?)row[9],
        ArtifactSha256 = (string)row[10]!,
        ArtifactSize = Convert.ToInt64(row[11], CultureInfo.InvariantCulture),
        CreatedAt = (DateTimeOffset)row[12]!,
    };

    private static int ToInt32(object? value) => Convert.ToInt32(value, CultureInfo.InvariantCulture);
}
