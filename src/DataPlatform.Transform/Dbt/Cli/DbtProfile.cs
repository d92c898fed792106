using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Npgsql;

namespace DataPlatform.Transform;

/// <summary>Makes dbt's <c>profiles.yml</c> of a connection string. The password is not in it: dbt takes it from the environment.</summary>
internal sealed class DbtProfile
{
    public const string Name = "dataplatform";

    /// <summary>The variable that holds the password. dbt hides values of variables with this prefix in its logs.</summary>
    public const string PasswordVariable = "DBT_ENV_SECRET_DATAPLATFORM_PASSWORD";

    private DbtProfile(string text, string? password) => (Text, Password) = (text, password);

    public string Text { get; }

    public string? Password { get; }

    public static DbtProfile ForPostgreSql(string connectionString, DbtInvocation invocation, string sessionName)
    {
        var connection = new NpgsqlConnectionStringBuilder(connectionString);
        var searchPath = connection.SearchPath?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        var text = new StringBuilder();
        void Add(string key, object? value)
        {
            if (value is null or "") return;
            text.Append(CultureInfo.InvariantCulture, $"      {key}: {(value is string s ? Quote(s) : value)}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{Name}:\n  target: {Quote(invocation.Target)}\n  outputs:\n    {Quote(invocation.Target)}:\n");
        Add("type", "postgres");
        Add("host", connection.Host);
        Add("port", connection.Port);
        Add("user", connection.Username ?? Environment.UserName);
        text.Append(connection.Password is { Length: > 0 } ? $"      password: \"{{{{ env_var('{PasswordVariable}') }}}}\"\n" : "      password: \"\"\n");
        Add("dbname", connection.Database ?? connection.Username ?? Environment.UserName);
        Add("schema", invocation.Schema ?? searchPath.FirstOrDefault() ?? "public");
        Add("threads", invocation.Threads);
        Add("application_name", sessionName);
        Add("search_path", connection.SearchPath);
        Add("connect_timeout", connection.Timeout);
        Add("keepalives_idle", connection.TcpKeepAliveTime is > 0 and var idle ? idle : 30);
        Add("sslmode", SslModeOf(connection.SslMode));
        Add("sslrootcert", connection.RootCertificate);
        Add("sslcert", connection.SslCertificate);
        Add("sslkey", connection.SslKey);
        return new DbtProfile(text.ToString(), connection.Password);
    }

    private static string SslModeOf(SslMode mode) => mode switch
    {
        SslMode.VerifyCA => "verify-ca",
        SslMode.VerifyFull => "verify-full",
        _ => mode.ToString().ToLowerInvariant(),
    };

    // JSON's strings are YAML's too.
    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
