using DataPlatform.ObjectStores;

namespace DataPlatform.Lineage;

/// <summary>A table, file or other set of data, by the names that OpenLineage gives it, so that what one system makes is found where another reads it.</summary>
/// <remarks>Naming: https://openlineage.io/docs/spec/naming.</remarks>
/// <param name="Namespace">Where it is: <c>postgres://db:5432</c>, <c>duckdb:///data/warehouse.duckdb</c>, <c>s3://acme-lake</c>, <c>file</c>.</param>
/// <param name="Name">Its name there: <c>analytics.raw.trips</c>, <c>prod/inbox/trips-*.csv</c>.</param>
public sealed record Dataset(string Namespace, string Name)
{
    /// <summary>Its columns, when they are known. Not part of its identity.</summary>
    public IReadOnlyList<DatasetColumn> Columns { get; init; } = [];

    /// <summary>Objects of a store.</summary>
    /// <param name="store">The store.</param>
    /// <param name="key">A key, a prefix or a pattern of keys.</param>
    public static Dataset Of(IObjectStore store, string key)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(key);
        const string Separator = "://";
        var authority = store.Location.IndexOf(Separator, StringComparison.Ordinal);
        if (authority < 0) return new Dataset("file", $"{store.Location.TrimEnd('/')}/{key}");
        var path = store.Location.IndexOf('/', authority + Separator.Length);
        return path < 0 ? new Dataset(store.Location, key) : new Dataset(store.Location[..path], $"{store.Location[(path + 1)..].TrimEnd('/')}/{key}".TrimStart('/'));
    }

    /// <inheritdoc/>
    public bool Equals(Dataset? other) => other is not null && Namespace == other.Namespace && Name == other.Name;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Namespace, Name);

    /// <summary>The namespace and the name as one URI.</summary>
    public override string ToString() => Namespace == "file" ? $"file://{Name}" : $"{Namespace}/{Name}";
}

/// <summary>A column of a dataset.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type as the system that holds it writes it; null when that is not known.</param>
public sealed record DatasetColumn(string Name, string? Type);
