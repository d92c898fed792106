namespace DataPlatform.Resilience;

/// <summary>Knows what exceptions of one library mean. Register one for a client library whose exceptions your steps let through.</summary>
public interface IFailureClassifier
{
    /// <summary>What the exception means, or null when it is not of this library.</summary>
    Failure? Classify(Exception exception);
}

/// <summary>What an exception means to the job and to the person who reads of it.</summary>
/// <param name="Class">Decides the exit code and whether to retry.</param>
/// <param name="Message">What happened, in one or a few sentences.</param>
/// <param name="Hint">What to do next, or null.</param>
public sealed record Failure(FailureClass Class, string Message, string? Hint = null)
{
    /// <summary>Whether trying again can help.</summary>
    public bool IsRetryable => Class is FailureClass.Transient or FailureClass.Unavailable;
}
