namespace DataPlatform;

/// <summary>
/// A failure whose cause is known: it carries the <see cref="DataPlatform.FailureClass"/> that decides the exit code,
/// a message for the person who reads it, and what to do next.
/// </summary>
public class DataPlatformException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="failureClass">Why it failed.</param>
    /// <param name="message">What happened: names the file, table, key or value at fault. Never a secret.</param>
    /// <param name="hint">What to do next, as an instruction. Shown below the message.</param>
    /// <param name="innerException">The cause.</param>
    public DataPlatformException(FailureClass failureClass, string message, string? hint = null, Exception? innerException = null)
        : base(message, innerException)
    {
        FailureClass = failureClass;
        Hint = hint;
    }

    /// <summary>Why it failed; decides the exit code and whether a retry makes sense.</summary>
    public FailureClass FailureClass { get; }

    /// <summary>What to do next, or null when the message says it all.</summary>
    public string? Hint { get; }
}
