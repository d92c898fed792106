using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using DataPlatform.Warehouses;
using DuckDB.NET.Data;

namespace DataPlatform.DuckDb;

/// <summary>What a connection string says, with the settings that it leaves open.</summary>
internal sealed class DuckDbConnectionString
{
    private const string MemoryLimitKey = "memory_limit";
    private const string TempDirectoryKey = "temp_directory";
    private const long DefaultMaxMemory = 1_000_000_000;

    // An alias of memory_limit.
    private const string MaxMemoryKey = "max_memory";

    private readonly DuckDBConnectionStringBuilder _builder;

    private DuckDbConnectionString(DuckDBConnectionStringBuilder builder) => _builder = builder;

    /// <summary>The full path of the file, without symbolic links, or <c>:memory:</c>.</summary>
    public string DataSource => _builder.DataSource;

    /// <summary>Whether the database is gone when it is closed.</summary>
    public bool InMemory => _builder.DataSource == DuckDBConnectionStringBuilder.InMemoryDataSource;

    /// <summary>How much memory DuckDB may use, as DuckDB writes it.</summary>
    public string MemoryLimit => (string)_builder[MemoryLimitKey];

    /// <summary>The folder for what does not fit into memory when it is ours to clean, else null.</summary>
    public string? OwnTempDirectory { get; private init; }

    /// <summary>The connection string for DuckDB.NET.</summary>
    public override string ToString() => _builder.ConnectionString;

    /// <summary>Whether a text is a connection string or a path of a DuckDB file.</summary>
    public static bool Recognizes(string text)
    {
        if (IsPath(text)) return text.EndsWith(".duckdb", StringComparison.OrdinalIgnoreCase) && !text.Contains("://", StringComparison.Ordinal);
        return text.Split(';').Select(part => part.Split('=', 2)[0].Trim().Replace(" ", "", StringComparison.Ordinal)).Contains("DataSource", StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Reads a connection string or a path. Relative paths are relative to the working directory.</summary>
    /// <exception cref="WarehouseException"><see cref="FailureClass.Configuration"/>: it cannot be read.</exception>
    public static DuckDbConnectionString Parse(string name, string text, DuckDbWarehouseOptions options)
    {
        var builder = Read(name, text);
        if (builder.DataSource.StartsWith(":memory:", StringComparison.OrdinalIgnoreCase)) builder.DataSource = DuckDBConnectionStringBuilder.InMemoryDataSource;
        else builder.DataSource = WithoutLinks(Path.GetFullPath(builder.DataSource));

        if (builder.Remove(MaxMemoryKey, out var maxMemory)) builder[MemoryLimitKey] = maxMemory;
        builder.SetDefault(MemoryLimitKey, options.MemoryLimit ?? DefaultMemoryLimit());
        builder.SetDefault("threads", options.Threads ?? Environment.ProcessorCount);

        // A job uses what it was deployed with: nothing is downloaded while it runs.
        builder.SetDefault("autoinstall_known_extensions", "false");
        builder.SetDefault("autoload_known_extensions", "false");

        // As in PostgreSQL, so that a pipeline's SQL gives the same result on both: 7 / 2 is 3, and NULLs come first where the order is descending.
        builder.SetDefault("integer_division", "true");
        builder.SetDefault("default_null_order", "nulls_last_on_asc_first_on_desc");

        // Rows are written to the file as soon as a row group is full, not five of them: a load holds a fifth of the memory, and is as fast.
        builder.SetDefault("write_buffer_row_group_count", 1);

        var temp = builder.ContainsKey(TempDirectoryKey) ? null : TempDirectory(options.TempDirectory, builder.DataSource);
        if (temp is not null) builder[TempDirectoryKey] = temp;
        return new DuckDbConnectionString(builder) { OwnTempDirectory = temp };
    }

    private static DuckDBConnectionStringBuilder Read(string name, string text)
    {
        var builder = new DuckDBConnectionStringBuilder();
        try
        {
            if (IsPath(text)) builder.DataSource = text;
            else builder.ConnectionString = text;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // A keyword that DuckDB does not know may be part of a value that is not quoted, and so of a secret: neither it nor the cause is shown.
            throw NotReadable(name, "It has a keyword that DuckDB does not know, or is not made of Keyword=Value pairs.");
        }

        return string.IsNullOrWhiteSpace(builder.DataSource) ? throw NotReadable(name, "It names no file.") : builder;
    }

    private static bool IsPath(string text) => !text.Contains('=', StringComparison.Ordinal);

    private static WarehouseException NotReadable(string name, string reason) => new(
        FailureClass.Configuration,
        $"The connection string of warehouse '{name}', ConnectionStrings:{name}, cannot be read. {reason}",
        "Write it like DataSource=./data/warehouse.duckdb; settings of DuckDB may follow, as in ;threads=2;memory_limit=2GB.");

    // The limit of the container counts, not the machine's memory.
    private static string DefaultMemoryLimit() =>
        $"{Math.Min(DefaultMaxMemory, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2) / 1_000_000}MB";

    // Only one process can have the database open, so a folder by its name is not shared. In memory there is no name to share.
    private static string TempDirectory(string? parent, string dataSource)
    {
        var key = dataSource == DuckDBConnectionStringBuilder.InMemoryDataSource ? Guid.NewGuid().ToString() : dataSource;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..16];
        return Path.Combine(Path.GetFullPath(parent ?? Path.GetTempPath()), $"dataplatform-duckdb-{hash}");
    }

    // DuckDB's lock holds off other processes, not this one: the same file under two names would be opened twice and damaged.
    private static string WithoutLinks(string path)
    {
        if (Path.GetDirectoryName(path) is not { } parent) return path;
        var resolved = Path.Combine(WithoutLinks(parent), Path.GetFileName(path));
        return Path.Exists(resolved) && File.ResolveLinkTarget(resolved, returnFinalTarget: true) is { } target ? WithoutLinks(target.FullName) : resolved;
    }
}

/// <summary>What <see cref="DbConnectionStringBuilder"/> lacks.</summary>
internal static class ConnectionStringBuilderExtensions
{
    public static void SetDefault(this DbConnectionStringBuilder builder, string key, object value)
    {
        if (!builder.ContainsKey(key)) builder[key] = value;
    }

    public static bool Remove(this DbConnectionStringBuilder builder, string key, out object? value) =>
        builder.TryGetValue(key, out value) && builder.Remove(key);
}
