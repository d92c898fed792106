using System.Text.RegularExpressions;
using DataPlatform.Resilience;
using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb;

/// <summary>
/// Knows what DuckDB's exceptions mean, so that steps may use connections of their own and let their exceptions through.
/// Registered by <c>AddDuckDb</c>.
/// </summary>
public sealed partial class DuckDbFailureClassifier : IFailureClassifier
{
    private const string Writable = "Give the job's user the right to read and write the file and its folder, or put the database elsewhere.";
    private const string Damaged = "The database file is damaged: restore it from a copy, or delete it and load again.";

    // Most messages begin with the kind of error: "Constraint Error: NOT NULL constraint failed: trips.id".
    [GeneratedRegex(@"^(?<kind>[A-Za-z ]+) Error: (?<text>.*)$", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Kind { get; }

    [GeneratedRegex(@"Could not set lock on file ""(?<file>[^""]*)"".*?PID (?<pid>\d+)", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Lock { get; }

    [GeneratedRegex("^Error setting '(?<setting>[a-z_]+)' to", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Setting { get; }

    /// <inheritdoc/>
    public Failure? Classify(Exception exception) => exception is DuckDBException duckDb ? FromMessage(duckDb.Message, duckDb.ErrorType) : null;

    /// <summary>Whether the message says that a statement was interrupted.</summary>
    internal static bool IsInterrupt(string message) => message.StartsWith("INTERRUPT Error", StringComparison.Ordinal);

    /// <summary>What a message means. Where it begins with the kind of error, <paramref name="type"/> is not looked at.</summary>
    internal static Failure FromMessage(string message, DuckDBErrorType type)
    {
        message = WithoutPrefix(message);
        var match = Kind.Match(message);
        var text = OnOneLine(match.Success ? match.Groups["text"].Value : message);
        return FromText(message, text) ?? (match.Success ? ToType(match.Groups["kind"].Value) : type) switch
        {
            DuckDBErrorType.Io => FromIo(text),
            DuckDBErrorType.Transaction => new(FailureClass.Transient, text, "Another transaction of this process changed the same rows or table at the same time. Run again."),
            DuckDBErrorType.Constraint or DuckDBErrorType.Conversion or DuckDBErrorType.OutOfRange or DuckDBErrorType.InvalidInput or DuckDBErrorType.DivideByZero
                or DuckDBErrorType.MismatchType or DuckDBErrorType.Decimal or DuckDBErrorType.Sequence => new(FailureClass.Data, text),
            DuckDBErrorType.Serialization => new(FailureClass.Data, text, Damaged),
            DuckDBErrorType.OutOfMemory => new(FailureClass.Configuration, WithoutAdvice(text), "Raise memory_limit in the connection string, or lower threads."),
            DuckDBErrorType.Permission => new(FailureClass.NotAuthorized, text),
            DuckDBErrorType.MissingExtension or DuckDBErrorType.Autoload or DuckDBErrorType.Http => NotLoaded(text),
            DuckDBErrorType.Parser or DuckDBErrorType.Syntax or DuckDBErrorType.Binder or DuckDBErrorType.Catalog or DuckDBErrorType.Dependency or DuckDBErrorType.NotImplemented
                or DuckDBErrorType.Settings or DuckDBErrorType.ParameterNotResolved or DuckDBErrorType.ParameterNotAllowed => new(FailureClass.Configuration, text),
            _ => new(FailureClass.Bug, OnOneLine(message)),
        };
    }

    // What the kind of error does not tell.
    private static Failure? FromText(string message, string text)
    {
        if (Lock.Match(message) is { Success: true } held)
        {
            return new(
                FailureClass.Transient,
                $"another process (PID {held.Groups["pid"].Value}) has {held.Groups["file"].Value} open, and DuckDB lets only one at a time.",
                "Wait for that process to end or stop it, then run again.");
        }

        // The value is left out: it may be a secret.
        if (Setting.Match(message) is { Success: true } setting)
            return new(FailureClass.Configuration, $"the setting {setting.Groups["setting"].Value} of the connection string has a value that DuckDB does not take.");

        bool Says(string words) => message.Contains(words, StringComparison.Ordinal);
        return true switch
        {
            _ when Says("No space left on device") => new(FailureClass.CannotWrite, text, "Free disk space, or put the database and its temp_directory elsewhere."),
            _ when Says("read-only mode") => new(FailureClass.CannotWrite, text, "Remove access_mode=READ_ONLY from the connection string."),
            _ when Says("No statement to prepare") || Says("Cannot prepare multiple statements") => new(FailureClass.Configuration, text, "Give one statement at a time."),
            _ when Says("Current transaction is aborted") => new(FailureClass.Bug, text, "A statement before this one had failed. Let its exception through."),
            _ => null,
        };
    }

    private static Failure FromIo(string text)
    {
        bool Says(string words) => text.Contains(words, StringComparison.OrdinalIgnoreCase);
        return true switch
        {
            _ when Says("not a valid DuckDB database file") =>
                new(FailureClass.Configuration, text, "The connection string names a file of another kind. Name one that does not exist yet, or a DuckDB database."),
            _ when Says("Is a directory") => new(FailureClass.Configuration, text, "The connection string names a folder. Name a file in it."),
            _ when Says("version number") => new(FailureClass.Configuration, text, "A newer DuckDB wrote the file. Update DataPlatform.DuckDb, or name another file."),
            _ when Says("corrupt") || Says("checksum") => new(FailureClass.Data, text, Damaged),
            _ when Says("extension") => NotLoaded(text),
            _ when Says("Cannot open file") => new(FailureClass.CannotWrite, text, Writable),
            _ when Says("No files found") || Says("No such file or directory") => new(FailureClass.Configuration, text),
            _ => new(FailureClass.CannotWrite, text, Writable),
        };
    }

    private static Failure NotLoaded(string text) =>
        new(FailureClass.Configuration, text, "Extensions are not downloaded while a job runs. Read remote files through an object store.");

    private static DuckDBErrorType ToType(string kind) => kind switch
    {
        "TransactionContext" => DuckDBErrorType.Transaction,
        "Invalid Configuration" => DuckDBErrorType.Settings,
        _ => Enum.TryParse<DuckDBErrorType>(kind.Replace(" ", "", StringComparison.Ordinal), ignoreCase: true, out var type) ? type : DuckDBErrorType.Invalid,
    };

    // What DuckDB.NET and DuckDB's appender put before the message.
    private static string WithoutPrefix(string message)
    {
        foreach (var prefix in (ReadOnlySpan<string>)["DuckDBOpen failed: ", "Failed to append: "])
        {
            if (message.StartsWith(prefix, StringComparison.Ordinal)) message = message[prefix.Length..];
        }

        return message;
    }

    private static string WithoutAdvice(string text) => text.Split(" Possible solutions:", 2)[0];

    // DuckDB shows the place of an error on lines of their own, the last one only with a caret.
    private static string OnOneLine(string message) =>
        string.Join(' ', message.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line != "^"));
}
