using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

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
    public string? MemoryLimit { get; set; }

    /// <summary>How many threads a query may use, 1 to 1024. Default: one for each processor of this process.</summary>
    public int? Threads { get; set; }

    /// <summary>
    /// The folder in which what does not fit into memory is kept, in a sub-folder of this database's own; what a killed process left there is deleted
    /// when the database is opened. Default: the system's temporary folder.
    /// </summary>
    public string? TempDirectory { get; set; }

    /// <summary>How long to wait for another process that has the file open; zero does not wait, a day is the most. Default: <c>DataPlatform:LeaseWait</c>, 30 s.</summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

internal sealed partial class DuckDbWarehouseOptionsValidation : IValidateOptions<DuckDbWarehouseOptions>
{
    public ValidateOptionsResult Validate(string? name, DuckDbWarehouseOptions options)
    {
        var failures = new List<string>();
        void Require(bool holds, string setting, string rule)
        {
            if (!holds) failures.Add($"'DataPlatform:Warehouses:{name}:{setting}' must be {rule}.");
        }

        Require(options.MemoryLimit is null || Size().IsMatch(options.MemoryLimit), nameof(options.MemoryLimit), "a size such as 512MB or 4GB");
        Require(options.Threads is null or (>= 1 and <= 1024), nameof(options.Threads), "from 1 to 1024");
        Require(options.LockTimeout >= TimeSpan.Zero && options.LockTimeout <= TimeSpan.FromDays(1), nameof(options.LockTimeout), "from 00:00:00 to 1.00:00:00");
        return failures.Count > 0 ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
    }

    [GeneratedRegex("^[0-9]+(\\.[0-9]+)? ?([KMGT]i?B)$")]
    private static partial Regex Size();
}
