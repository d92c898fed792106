using System.Globalization;
using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>A place in an object store for files of loads: which keys there are in it.</summary>
internal sealed record LandingZone(Connection<IObjectStore> Store, string Prefix, LandingOptions Options)
{
    // Readers of lakes leave out folders whose name begins with an underscore.
    private const string ManifestFolder = "_manifests";

    public string Description => $"{Store.Name}:{Prefix}";

    /// <summary>Which keys are manifests.</summary>
    public static string ManifestGlob(string prefix) => $"{Escape(prefix)}/{ManifestFolder}/*.json";

    /// <exception cref="ObjectStoreException">The prefix cannot be part of a key.</exception>
    public static LandingZone Create(Connection<IObjectStore> store, string prefix, LandingOptions? options)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(prefix);
        var trimmed = prefix.TrimEnd('/');
        ObjectKey.Validate($"{trimmed}/{ManifestFolder}");
        options ??= new LandingOptions();
        options.Validate();
        return new LandingZone(store, trimmed, options);
    }

    /// <summary>What the ledger calls the zone where it names a table.</summary>
    /// <exception cref="DataPlatformException">The prefix has a dot.</exception>
    public TableName ToTableName() => !Prefix.Contains('.', StringComparison.Ordinal)
        ? new TableName(Store.Name, Prefix)
        : throw new DataPlatformException(FailureClass.Configuration, $"The landing zone '{Prefix}' has a dot, which the ledger takes for the end of a schema's name.", "Use letters, digits, '_', '-' and '/'.");

    /// <summary>The key of a file of a load. The same load writes the same keys when it is done again.</summary>
    public string FileKey(RunInfo run, string step, long loadId, int number) => string.Create(
        CultureInfo.InvariantCulture, $"{Prefix}/ingest_date={run.LogicalDate:yyyy-MM-dd}/{run.Pipeline}.{step}-{loadId:D10}-{number:D5}.parquet");

    public string ManifestKey(string pipeline, string step, long loadId) => string.Create(
        CultureInfo.InvariantCulture, $"{Prefix}/{ManifestFolder}/{pipeline}.{step}-{loadId:D10}.json");

    /// <summary>The key of the mark that a load is landing: there while files may be there that no manifest names yet.</summary>
    public string MarkKey(string pipeline, string step, long loadId) => string.Create(
        CultureInfo.InvariantCulture, $"{Prefix}/{ManifestFolder}/{pipeline}.{step}-{loadId:D10}.landing");

    /// <summary>Which marks are of a step.</summary>
    public string MarkGlob(string pipeline, string step) => $"{Escape(Prefix)}/{ManifestFolder}/{pipeline}.{step}-*.landing";

    /// <summary>The load that a mark or a manifest is of; null when the key is of neither.</summary>
    public static long? LoadIdOf(string key)
    {
        var name = key.AsSpan(key.LastIndexOf('-') + 1);
        var end = name.IndexOf('.');
        return end > 0 && long.TryParse(name[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var loadId) ? loadId : null;
    }

    /// <summary>Which manifests are of a step.</summary>
    public string ManifestGlob(string pipeline, string step) => $"{Escape(Prefix)}/{ManifestFolder}/{pipeline}.{step}-*.json";

    /// <summary>Which data files are of a step, landed or not.</summary>
    public string FileGlob(string pipeline, string step) => $"{Escape(Prefix)}/ingest_date=*/{pipeline}.{step}-*.parquet";

    /// <summary>Which data files are of a load of a step, landed or not.</summary>
    public string FileGlob(string pipeline, string step, long loadId) => string.Create(
        CultureInfo.InvariantCulture, $"{Escape(Prefix)}/ingest_date=*/{pipeline}.{step}-{loadId:D10}-*.parquet");

    private static string Escape(string prefix) => string.Concat(prefix.Select(c => "*?{},\\".Contains(c, StringComparison.Ordinal) ? $"\\{c}" : $"{c}"));
}
