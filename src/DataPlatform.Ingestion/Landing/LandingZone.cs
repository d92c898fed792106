using System.Globalization;
using DataPlatform.ObjectStores;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>A place in an object store for files of loads: which keys there are in it.</summary>
internal sealed record LandingZone(Connection<IObjectStore> Store, string Prefix, LandingOptions Options)
{
    // Readers of lakes leave out folders whose name begins with an underscore.
    private const string ManifestFolder = "_manifests";

    // Marks have a folder of their own, so that finding one does not go through all manifests.
    private const string MarkFolder = "_landing";

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
        options = options with { PartitionBy = [.. options.PartitionBy.Select(ColumnName.Normalize)] };
        return new LandingZone(store, trimmed, options);
    }

    /// <summary>What the ledger calls the zone where it names a table.</summary>
    /// <exception cref="DataPlatformException">The prefix has a dot.</exception>
    public TableName ToTableName() => !Prefix.Contains('.', StringComparison.Ordinal)
        ? new TableName(Store.Name, Prefix)
        : throw new DataPlatformException(FailureClass.Configuration, $"The landing zone '{Prefix}' has a dot, which the ledger takes for the end of a schema's name.", "Use letters, digits, '_', '-' and '/'.");

    /// <summary>How large a file becomes.</summary>
    public long FileBytes => (long)Options.FileMebibytes << 20;

    /// <summary>Throws when files cannot be landed by the columns that the zone has them by.</summary>
    /// <param name="contract">The columns of the rows.</param>
    /// <param name="source">What has the rows, for messages.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: there is no such column, or it has no text that all readers agree on.</exception>
    public void CheckPartitions(Contract contract, string source)
    {
        foreach (var name in Options.PartitionColumns)
        {
            if (contract.Schema.GetFieldIndex(name) is >= 0 and var index)
            {
                var column = contract.Schema.GetFieldByIndex(index);
                if (HivePartition.Takes(column)) continue;
                throw new DataPlatformException(
                    FailureClass.Configuration, $"{Description} is partitioned by '{name}', which is {ColumnTypeName.Of(column)}: readers do not agree on how its values are written as text.",
                    "Partition by text, integers, dates, booleans or UUIDs. Of a time take its date, as a column of its own.");
            }

            throw new DataPlatformException(
                FailureClass.Configuration, $"{Description} is partitioned by '{name}', which is not one of the columns of {source}.",
                $"They are: {string.Join(", ", contract.Schema.FieldsList.Select(field => field.Name))}.");
        }
    }

    /// <summary>Throws when a merge goes by the order of rows, of which files in different folders know nothing.</summary>
    /// <param name="merge">The merge, or null for none.</param>
    /// <param name="partitionBy">What files are landed by.</param>
    /// <param name="zone">The zone, for the message.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it does.</exception>
    public static void CheckOrder(MergeOptions? merge, IEnumerable<string> partitionBy, string zone)
    {
        if (merge is null or { Strategy: MergeStrategy.DeleteInsert } or { DedupSortColumn: not null }) return;
        if (partitionBy.FirstOrDefault(name => name != LandingOptions.IngestDate && !merge.Key.Contains(name, StringComparer.Ordinal)) is not { } column) return;
        throw new DataPlatformException(
            FailureClass.Configuration, $"{zone} is partitioned by '{column}', and merged by {string.Join(", ", merge.Key)}: of rows with one key in different folders it is not known which came last.",
            "Say by a column which of them counts: load.LatestBy(…). Or partition by columns of the key.");
    }

    /// <summary>The folder of a file below the zone, with a slash at its end; empty when files are in the zone itself.</summary>
    /// <param name="ingestDate">The run's logical date.</param>
    /// <param name="ofColumn">The folder for a column.</param>
    public string FolderOf(DateOnly ingestDate, Func<string, string>? ofColumn = null) => string.Concat(Options.PartitionBy.Select(name =>
        $"{(name == LandingOptions.IngestDate ? HivePartition.FolderOf(name, ingestDate.ToString("O", CultureInfo.InvariantCulture)) : ofColumn!(name))}/"));

    /// <summary>The key of a file of a load. The same load writes the same keys when it is done again.</summary>
    public string FileKey(string pipeline, string step, long loadId, string folder, int number) => string.Create(
        CultureInfo.InvariantCulture, $"{Prefix}/{folder}{pipeline}.{step}-{loadId:D10}-{number:D5}.parquet");

    public string ManifestKey(string pipeline, string step, long loadId) => string.Create(
        CultureInfo.InvariantCulture, $"{Prefix}/{ManifestFolder}/{pipeline}.{step}-{loadId:D10}.json");

    /// <summary>The key of the mark that a load is landing: there from before its first file until it has committed.</summary>
    public string MarkKey(string pipeline, string step, long loadId) => string.Create(
        CultureInfo.InvariantCulture, $"{Prefix}/{MarkFolder}/{pipeline}.{step}-{loadId:D10}.json");

    /// <summary>Which marks are of a step.</summary>
    public string MarkGlob(string pipeline, string step) => $"{Escape(Prefix)}/{MarkFolder}/{pipeline}.{step}-*.json";

    /// <summary>The load that a mark is of; null when it is none.</summary>
    public static long? LoadIdOf(string markKey)
    {
        var name = markKey.AsSpan(markKey.LastIndexOf('-') + 1);
        var end = name.IndexOf('.');
        return end > 0 && long.TryParse(name[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var loadId) ? loadId : null;
    }

    /// <summary>Which manifests are of a step.</summary>
    public string ManifestGlob(string pipeline, string step) => $"{Escape(Prefix)}/{ManifestFolder}/{pipeline}.{step}-*.json";

    /// <summary>Which data files are of a step, landed or not, in whatever folders the zone had when they were.</summary>
    public string FileGlob(string pipeline, string step) => $"{Escape(Prefix)}/**/{pipeline}.{step}-*.parquet";

    /// <summary>Which data files are of a load of a step, landed or not.</summary>
    public string FileGlob(string pipeline, string step, long loadId) => string.Create(
        CultureInfo.InvariantCulture, $"{Escape(Prefix)}/**/{pipeline}.{step}-{loadId:D10}-*.parquet");

    private static string Escape(string prefix) => string.Concat(prefix.Select(c => "*?{},\\".Contains(c, StringComparison.Ordinal) ? $"\\{c}" : $"{c}"));
}
