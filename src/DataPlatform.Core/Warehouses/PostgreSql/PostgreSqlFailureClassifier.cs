using System.ComponentModel;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using DataPlatform.Resilience;
using Npgsql;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Knows what Npgsql's exceptions mean, by their SQLSTATE (PostgreSQL documentation, Appendix A). Registered with the first warehouse,
/// so that steps may use connections of their own and let their exceptions through.
/// </summary>
public sealed class PostgreSqlFailureClassifier : IFailureClassifier
{
    /// <inheritdoc/>
    public Failure? Classify(Exception exception) => exception switch
    {
        // Said without a code of its own, and in English only, to whom connects first after a change of the schema.
        PostgresException { SqlState: PostgresErrorCodes.InternalError, MessageText: "could not write init file" } full =>
            new Failure(FailureClass.CannotWrite, Describe(full), FreeSpace),
        PostgresException server => ClassOf(server.SqlState) is { } known ? new Failure(known, Describe(server), HintOf(server)) : null,
        NpgsqlException client => FromClient(client),
        _ => null,
    };

    /// <summary>The server's message with all it says about the place: detail, table, column, position.</summary>
    internal static string Describe(PostgresException exception)
    {
        var text = new StringBuilder(exception.MessageText.TrimEnd('.')).Append('.');
        if (!string.IsNullOrEmpty(exception.Detail)) text.Append(' ').Append(exception.Detail.TrimEnd('.')).Append('.');

        // "COPY trips, line 7, column fare" is the first line of the context when a bulk write fails.
        var context = exception.Where?.Split('\n', 2)[0] ?? "";
        if (context.StartsWith("COPY ", StringComparison.Ordinal)) text.Append(" In ").Append(context).Append('.');
        else if (!string.IsNullOrEmpty(exception.TableName))
            text.Append(CultureInfo.InvariantCulture, $" Table {exception.SchemaName}.{exception.TableName}{(exception.ColumnName is { Length: > 0 } column ? $", column {column}" : "")}.");

        return text.Append(" (SQLSTATE ").Append(exception.SqlState).Append(')').ToString();
    }

    // Not among PostgresErrorCodes.
    private const string IdleInTransactionSessionTimeout = "25P03";

    private const string FreeSpace = "Free or add space on the database server.";

    private static FailureClass? ClassOf(string state) => state switch
    {
        PostgresErrorCodes.InvalidCatalogName => FailureClass.Configuration,
        PostgresErrorCodes.InsufficientPrivilege => FailureClass.NotAuthorized,
        PostgresErrorCodes.DiskFull or PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.IoError => FailureClass.CannotWrite,
        PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.ObjectInUse or IdleInTransactionSessionTimeout =>
            FailureClass.Transient,
        PostgresErrorCodes.CardinalityViolation or PostgresErrorCodes.WithCheckOptionViolation or PostgresErrorCodes.RaiseException => FailureClass.Data,
        PostgresErrorCodes.DependentObjectsStillExist or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.FeatureNotSupported => FailureClass.Configuration,
        _ => state[..2] switch
        {
            "08" or "57" => FailureClass.Unavailable, // connection lost or refused; server shutting down or starting
            "28" => FailureClass.NotAuthorized,
            "40" or "53" => FailureClass.Transient, // serialization and deadlock; out of memory or connections
            "22" or "23" => FailureClass.Data,
            "42" or "54" => FailureClass.Configuration, // SQL that is wrong, or asks for too much
            _ => null,
        },
    };

    private static string? HintOf(PostgresException exception) => exception.SqlState switch
    {
        _ when !string.IsNullOrEmpty(exception.Hint) => exception.Hint,
        PostgresErrorCodes.InvalidPassword => "Correct Username and Password in the connection string, or the secret they come from.",
        PostgresErrorCodes.InvalidAuthorizationSpecification =>
            "Let the user in: the role must exist and pg_hba.conf must allow it from here, perhaps only with TLS (SSL Mode=Require).",
        PostgresErrorCodes.InvalidCatalogName => "Create the database, or correct Database in the connection string.",
        PostgresErrorCodes.InsufficientPrivilege => "Grant the job's role what it needs; see docs/warehouses.md for the list.",
        PostgresErrorCodes.DiskFull => FreeSpace,
        PostgresErrorCodes.ReadOnlySqlTransaction => "Connect to the primary: this server or role only reads.",
        PostgresErrorCodes.TooManyConnections => "Lower Maximum Pool Size in the connection string, or raise max_connections on the server.",
        _ => null,
    };

    private static Failure? FromClient(NpgsqlException exception)
    {
        var inner = exception.InnerException is AggregateException { InnerExceptions: [var first, ..] } ? first : exception.InnerException;
        return inner switch
        {
            PostgresException or NpgsqlException => new PostgreSqlFailureClassifier().Classify(inner),
            SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } =>
                new(FailureClass.Unavailable, $"The host name cannot be resolved: {inner.Message}.", "Correct Host in the connection string, or check DNS."),
            SocketException => new(FailureClass.Unavailable, $"The server cannot be reached: {inner.Message}.",
                "Check that it runs, that Host and Port in the connection string are right, and that the network lets this machine through."),
            AuthenticationException or Win32Exception => Tls(inner.Message),
            TimeoutException => new(FailureClass.Unavailable, "The server does not answer in time.",
                "Check that Host and Port in the connection string are right, that the network lets this machine through, and the server's load."),
            IOException => new(FailureClass.Unavailable, $"The connection was lost: {inner.Message}", "Check the server's log: it may have restarted or ended the session."),
            _ => FromMessage(exception),
        };
    }

    // Npgsql has no codes for these.
    private static Failure? FromMessage(NpgsqlException exception) => exception.Message switch
    {
        var message when message.Contains("No password has been provided", StringComparison.Ordinal) =>
            new(FailureClass.Configuration, "The server asks for a password and none is configured.", "Add Password to the connection string."),
        var message when message.Contains("SSL", StringComparison.Ordinal) => Tls(message),
        var message when message.Contains("connection pool has been exhausted", StringComparison.Ordinal) =>
            new(FailureClass.Transient, "All connections of the pool are in use.", "Raise Maximum Pool Size in the connection string, or run fewer steps at once."),
        var message when exception.IsTransient => new(FailureClass.Unavailable, message),
        _ => null,
    };

    private static Failure Tls(string message) => new(FailureClass.Configuration, $"No TLS connection can be made: {message}",
        "Check SSL Mode in the connection string, and that Root Certificate names the authority that signed the server's certificate.");
}
