using System.Threading.Channels;

namespace DataPlatform.Transform;

/// <summary>Tells of an invocation's nodes in order, without holding up what reports them: each time of all that came since the last.</summary>
/// <param name="tell">One call at a time.</param>
internal sealed class DbtChanges(Func<IReadOnlyList<DbtNodeChange>, ValueTask> tell)
{
    private readonly Channel<DbtNodeChange> _changes = Channel.CreateUnbounded<DbtNodeChange>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Tells the listener of a context, of one change at a time.</summary>
    public DbtChanges(DbtRunContext context)
        : this(async changes =>
        {
            if (context.NodeChanged is not { } changed) return;
            foreach (var change in changes) await changed(change, CancellationToken.None).ConfigureAwait(false);
        })
    {
    }

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
            while (await _changes.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
            {
                var changes = new List<DbtNodeChange>();
                while (_changes.Reader.TryRead(out var change)) changes.Add(change);
                await tell(changes).ConfigureAwait(false);
            }
        }
        catch
        {
            await stopping.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }
}
