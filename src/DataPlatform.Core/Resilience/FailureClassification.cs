using System.Net.Sockets;
using DataPlatform.Secrets;

namespace DataPlatform.Resilience;

/// <summary>Finds out what an exception means: our own say it themselves, registered classifiers know their libraries, and .NET's are known here.</summary>
public sealed class FailureClassification(IEnumerable<IFailureClassifier>? classifiers = null)
{
    private readonly IFailureClassifier[] _classifiers = [.. classifiers ?? []];

    /// <summary>Takes secrets out of what is said: a failure goes on to logs, the ledger and the orchestrator.</summary>
    internal ISecretMasker? Masker { get; init; }

    /// <summary>What the exception means. The outermost exception of the chain that is understood decides; one that nobody knows is a bug.</summary>
    public Failure Classify(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        var failure = Find(exception);
        return Masker is null ? failure : failure with { Message = Masker.Mask(failure.Message), Hint = failure.Hint is null ? null : Masker.Mask(failure.Hint) };
    }

    private Failure Find(Exception exception)
    {
        for (Exception? e = exception; e is not null; e = e is AggregateException { InnerExceptions: [var first, ..] } ? first : e.InnerException)
        {
            if (e is DataPlatformException own) return new Failure(own.FailureClass, own.Message, own.Hint);
            foreach (var classifier in _classifiers)
            {
                if (classifier.Classify(e) is { } failure) return failure;
            }

            if (FromFramework(e) is { } known) return known;
        }

        return new Failure(
            FailureClass.Bug,
            $"{exception.GetType().Name}: {exception.Message}",
            "This is not an error the job knows. The log holds the stack trace.");
    }

    private static Failure? FromFramework(Exception exception) => exception switch
    {
        Microsoft.Extensions.Options.OptionsValidationException options =>
            new(FailureClass.Configuration, string.Join(" ", options.Failures), "Correct the configuration; `doctor` checks it without running."),
        UnauthorizedAccessException => new(FailureClass.CannotWrite, exception.Message, "Give the job's user the right to read and write there, or configure another place."),
        DirectoryNotFoundException or FileNotFoundException => new(FailureClass.Configuration, exception.Message),
        HttpRequestException { StatusCode: System.Net.HttpStatusCode.Unauthorized or System.Net.HttpStatusCode.Forbidden } => new(FailureClass.NotAuthorized, exception.Message),
        HttpRequestException { StatusCode: System.Net.HttpStatusCode.TooManyRequests } => new(FailureClass.Transient, exception.Message),
        HttpRequestException { StatusCode: null or >= System.Net.HttpStatusCode.InternalServerError } or SocketException =>
            new(FailureClass.Unavailable, exception.Message, "Check that the service is up and can be reached from here."),
        TimeoutException => new(FailureClass.Transient, exception.Message),
        IOException { HResult: DiskFull } => new(FailureClass.CannotWrite, exception.Message, "Free disk space or configure another place."),
        _ => null,
    };

    // ENOSPC as .NET reports it on Unix.
    private const int DiskFull = 28;
}
