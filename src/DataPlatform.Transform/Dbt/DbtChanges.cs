using System.Threading.Channels;

namespace DataPlatform.Transform;

/// <summary>Tells of an invocation's nodes in order, without holding up what reports them: each time of all that came since the last.</summary>
/// <param name="tell">One call at a time.</param>
internal sealed class DbtChanges(Func<IReadOnlyList<DbtNodeChange>, ValueTask> tell)
{
    private readonly Channel<(DbtNodeChange Change, TaskCompletionSource? Told)> _changes =
        Channel.CreateUnbounded<(DbtNodeChange, TaskCompletionSource?)>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Tells the listener of a context, of one change at a time.</summary>
    public DbtChanges(DbtRunContext context)
        : this(async changes =>
        {
            if (context.NodeChanged is not { } changed) return;
            foreach (var change in changes) await changed(change, CancellationToken.None).ConfigureAwait(false);
        })
    {
    }

    public void Add(DbtNodeChange change) => _changes.Writer.TryWrite((change, null));

    /// <summary>Ends when the listener was told.</summary>
    /// <exception cref="OperationCanceledException">It will not be: the listener threw, or the invocation has ended.</exception>
    public Task AddAsync(DbtNodeChange change)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_changes.Writer.TryWrite((change, told))) told.SetCanceled();
        return told.Task;
    }

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
            _changes.Writer.TryComplete();
            await told.ConfigureAwait(false);
        }
    }

    private async Task TellAsync(CancellationTokenSource stopping)
    {
        var waiting = new List<TaskCompletionSource>();
        try
        {
            // What dbt did before it was stopped is told all the same: it is done.
            while (await _changes.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
            {
                var changes = new List<DbtNodeChange>();
                while (_changes.Reader.TryRead(out var next))
                {
                    changes.Add(next.Change);
                    if (next.Told is not null) waiting.Add(next.Told);
                }

                await tell(changes).ConfigureAwait(false);
                foreach (var told in waiting) told.SetResult();
                waiting.Clear();
            }
        }
        catch
        {
            _changes.Writer.TryComplete();
            while (_changes.Reader.TryRead(out var next))
            {
                if (next.Told is not null) waiting.Add(next.Told);
            }

            await stopping.CancelAsync().ConfigureAwait(false);
            foreach (var told in waiting) told.SetCanceled();
            throw;
        }
    }
}
