namespace DataPlatform.Testing;

/// <summary>Waits for what another process or server does.</summary>
public static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Asks again and again until it is so. What cannot be asked yet, because a table is not there, is not so.</summary>
    /// <exception cref="OperationCanceledException">It was not so for half a minute.</exception>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        using var timer = new PeriodicTimer(Interval);
        while (!await IsTrueAsync(condition)) await timer.WaitForNextTickAsync(limit.Token);
    }

    private static async Task<bool> IsTrueAsync(Func<Task<bool>> condition)
    {
        try
        {
            return await condition();
        }
        catch (DataPlatformException)
        {
            return false;
        }
    }
}
