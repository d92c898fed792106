using System.Threading.Channels;

namespace DataPlatform.Transform;

/// <summary>Tells the listener of an invocation's nodes, one at a time and in order, without holding up what reports them.</summary>
internal sealed class DbtChanges(DbtRunContext context)
{
    private readonly Channel<DbtNodeChange> _changes = Channel.CreateUnbounded<DbtNodeChange>(new UnboundedChannelOptions { SingleReader = true });

    public void Add(DbtNodeChange change) => _changes.Writer.TryWrite(change);

    /// <summary>Runs an invocation. A listener that throws stops it, and its exception goes to the caller.</summary>
    public async Task<T> TellWhileAsync<T>(Func<CancellationToken, Task<T>> invocation, CancellationToken cancellationToken)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var told = TellAsync(stopping);
        try
        {
            return await invocation(stopping.Token).ConfigureAwait(false);
        }
        finally
        {
            _changes.Writer.Complete();
            await told.ConfigureAwait(false);
        }
    }

    private async Task TellAsync(CancellationTokenSource stopping)
    {
        try
        {
            // What dbt did before it was stopped is told all the same: it is done.
            await foreach (var change in _changes.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                if (context.NodeChanged is { } changed) await changed(change, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch
        {
            await stopping.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }
}
