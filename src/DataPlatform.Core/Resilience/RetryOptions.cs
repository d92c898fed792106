namespace DataPlatform.Resilience;

/// <summary>How often and how fast to try again. Only failures that a retry can help are retried.</summary>
public sealed class RetryOptions
{
    /// <summary>Retries after the first attempt; 0 for none. 3.</summary>
    public int MaxRetries { get; set; } = 3;

    /// <summary>The delay before the first retry; it doubles with each one, with jitter. 1 s.</summary>
    public TimeSpan Delay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay. 30 s.</summary>
    public TimeSpan MaxDelay { get; set; } = TimeSpan.FromSeconds(30);
}
