using System.Data.Common;
using DataPlatform.Dbt.Jinja;
using DataPlatform.DuckDb;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Tool;

/// <summary>A target of the type <c>duckdb</c>.</summary>
internal sealed class DuckDbConnection : Connection
{
    private const string InMemory = ":memory:";

    private readonly string _path;
    private readonly IReadOnlyList<string> _statements;

    private DuckDbConnection(string path, IReadOnlyList<string> statements) => (_path, _statements) = (path, statements);

    public override string Type => "duckdb";

    public override string Database => _path == InMemory ? "memory" : Path.GetFileNameWithoutExtension(_path);

    public override PythonDict Shown => new() { ["path"] = _path };

    public static DuckDbConnection Read(ConnectionSettings settings)
    {
        settings.Allow("duckdb", "path", "database", "extensions", "settings", "attach");
        var statements = new List<string>();
        foreach (var extension in (settings.Value("extensions") as PythonList)?.Items ?? []) statements.Add($"load {TableName.Quote(Representation.Print(extension))}");
        foreach (var (key, value) in (settings.Value("settings") as PythonDict)?.Items ?? []) statements.Add($"set global {TableName.Quote(Representation.Print(key))} = {Literal(value)}");
        foreach (var attached in settings.Yaml["attach"]?.Items ?? [])
        {
            attached.Allow("'attach'", "path", "alias", "type", "read_only");
            var (alias, type, isReadOnly) = (attached["alias"]?.Text, attached["type"]?.Text, attached["read_only"]?.ToValue() is true);
            string[] options = [.. type is null ? [] : new[] { $"type {type}" }, .. isReadOnly ? ["read_only"] : Array.Empty<string>()];
            var path = attached.Require("path");
            statements.Add($"attach {Literal(path.Contains(':', StringComparison.Ordinal) ? path : settings.FullPath(path))}{(alias is null ? "" : $" as {TableName.Quote(alias)}")}{(options.Length == 0 ? "" : $" ({string.Join(", ", options)})")}");
        }

        return new DuckDbConnection(settings.Text("path") is { } file and not InMemory ? settings.FullPath(file) : InMemory, statements) { Schema = settings.Text("schema") ?? "main" };
    }

    public override async Task<IWarehouse> OpenAsync(CancellationToken cancellationToken)
    {
        var warehouse = new DuckDbWarehouse("target", new DbConnectionStringBuilder { ["DataSource"] = _path }.ConnectionString);
        try
        {
            if (_statements.Count == 0) return warehouse;
            // They hold for the whole instance, which stays open.
            await using var connection = await warehouse.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            foreach (var statement in _statements)
            {
                await using var command = connection.CreateCommand();
                command.CommandText = statement;
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }

            return warehouse;
        }
        catch
        {
            await warehouse.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static string Literal(object? value) => $"'{Representation.Print(value).Replace("'", "''", StringComparison.Ordinal)}'";
}
