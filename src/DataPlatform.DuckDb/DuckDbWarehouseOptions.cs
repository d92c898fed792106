using System.ComponentModel.DataAnnotations;

namespace DataPlatform.DuckDb;

/// <summary>
/// What a <see cref="DuckDbWarehouse"/> does beyond its connection string. Section <c>DataPlatform:Warehouses:{name}</c>.
/// A setting that the connection string has too (<c>memory_limit</c>, <c>threads</c>, <c>temp_directory</c>) is taken from there.
/// </summary>
public sealed class DuckDbWarehouseOptions
{
    /// <summary>
    /// How much memory DuckDB may use, as DuckDB writes it: <c>512MB</c>, <c>4GB</c>. What does not fit is spilled to <see cref="TempDirectory"/>.
    /// Default: half of the memory this process may use, at most 1 GB.
    /// </summary>
    [RegularExpression("^[0-9]+(\\.[0-9]+)? ?([KMGT]i?B)$", ErrorMessage = "MemoryLimit must be a size such as 512MB or 4GB.")]
    public string? MemoryLimit { get; set; }

    /// <summary>How many threads a query may use. Default: one for each processor of this process.</summary>
    [Range(1, 1024)]
    public int? Threads { get; set; }

    /// <summary>
    /// The folder in which what does not fit into memory is kept, in a sub-folder of this database's own; what a killed process left there is deleted
    /// when the database is opened. Default: the system's temporary folder.
    /// </summary>
    public string? TempDirectory { get; set; }

    /// <summary>How long to wait for another process that has the file open; zero does not wait. Default: <c>DataPlatform:LeaseWait</c>, 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
