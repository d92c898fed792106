using DataPlatform.Dbt.Jinja;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Dbt.Tool;

/// <summary>A target of the type <c>postgres</c>.</summary>
internal sealed class PostgreSqlConnection : Connection
{
    private readonly NpgsqlConnectionStringBuilder _connectionString;
    private readonly string? _sessionName;

    private PostgreSqlConnection(NpgsqlConnectionStringBuilder connectionString, string? sessionName) => (_connectionString, _sessionName) = (connectionString, sessionName);

    public override string Type => "postgres";

    public override string Database => _connectionString.Database!;

    public override PythonDict Shown => new()
    {
        ["host"] = _connectionString.Host,
        ["port"] = (long)_connectionString.Port,
        ["user"] = _connectionString.Username,
        ["search_path"] = _connectionString.SearchPath,
        ["connect_timeout"] = (long)_connectionString.Timeout,
        ["application_name"] = _sessionName,
    };

    public static PostgreSqlConnection Read(ConnectionSettings settings)
    {
        settings.Allow(
            "postgres", "host", "port", "user", "pass", "password", "dbname", "database", "connect_timeout", "role", "search_path", "keepalives_idle", "sslmode", "sslcert", "sslkey", "sslrootcert",
            "application_name", "retries");
        var connection = new NpgsqlConnectionStringBuilder
        {
            Host = settings.Require("host"),
            Port = settings.Number("port") ?? NpgsqlConnection.DefaultPort,
            Username = settings.Require("user"),
            Password = settings.Text("password", "pass"),
            Database = settings.Require("dbname", "database"),
            SearchPath = settings.Text("search_path"),
            RootCertificate = settings.Text("sslrootcert"),
            SslCertificate = settings.Text("sslcert"),
            SslKey = settings.Text("sslkey"),
        };
        if (settings.Number("connect_timeout") is { } timeout) connection.Timeout = timeout;
        if (settings.Number("keepalives_idle") is > 0 and var idle) (connection.TcpKeepAlive, connection.TcpKeepAliveTime) = (true, idle);
        if (settings.Text("role") is { } role) connection.Options = $"-c role={role}";
        if (settings.Text("sslmode") is { } mode)
        {
            connection.SslMode = Enum.TryParse<SslMode>(mode.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var known)
                ? known : throw settings.Yaml["sslmode"]!.Fault($"'{mode}' is no sslmode.", "It is one of disable, allow, prefer, require, verify-ca, verify-full.");
        }

        return new PostgreSqlConnection(connection, settings.Text("application_name")) { Schema = settings.Require("schema") };
    }

    public override Task<IWarehouse> OpenAsync(CancellationToken cancellationToken) => Task.FromResult<IWarehouse>(_sessionName is null
        ? new PostgreSqlWarehouse("target", _connectionString.ConnectionString)
        // Who started this finds its sessions by the name.
        : new PostgreSqlWarehouse("target", _connectionString.ConnectionString) { SessionName = _sessionName });
}
