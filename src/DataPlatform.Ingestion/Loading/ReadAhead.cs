using System.Threading.Channels;

namespace DataPlatform.Ingestion;

/// <summary>Reads batches while those before are written: some ahead, so that neither waits for the other and memory stays bounded.</summary>
internal sealed class ReadAhead : IAsyncDisposable
{
    private readonly Channel<SourceBatch> _batches;
    private readonly CancellationTokenSource _stop;
    private readonly CancellationToken _cancellationToken;

    /// <summary>Begins to read.</summary>
    /// <param name="read">What to read, until it is cancelled.</param>
    /// <param name="cancellationToken">Ends reading, and waiting for it.</param>
    /// <param name="batchesAhead">How many batches may wait to be taken.</param>
    public ReadAhead(Func<CancellationToken, IAsyncEnumerable<SourceBatch>> read, CancellationToken cancellationToken, int batchesAhead = 2)
    {
        _batches = Channel.CreateBounded<SourceBatch>(new BoundedChannelOptions(batchesAhead) { SingleReader = true, SingleWriter = true });
        _cancellationToken = cancellationToken;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Completion = Task.Run(() => ReadAsync(read, _stop.Token), CancellationToken.None);
    }

    /// <summary>Completed when nothing more is read, whatever the reason.</summary>
    public Task Completion { get; }

    /// <summary>The batches in order, those that were not taken before. Ends with the exception that reading ended with.</summary>
    public IAsyncEnumerable<SourceBatch> Batches => _batches.Reader.ReadAllAsync(_cancellationToken);

    /// <summary>Waits until there is a batch; false when there are no more.</summary>
    public ValueTask<bool> WaitForAnyAsync() => _batches.Reader.WaitToReadAsync(_cancellationToken);

    /// <summary>Stops reading and lets go of what was not taken.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Completion.ConfigureAwait(false);
        while (_batches.Reader.TryRead(out var batch)) batch.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync(Func<CancellationToken, IAsyncEnumerable<SourceBatch>> read, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var batch in read(cancellationToken).ConfigureAwait(false))
                await _batches.Writer.WriteAsync(batch, cancellationToken).ConfigureAwait(false);
            _batches.Writer.Complete();
        }
        catch (Exception exception)
        {
            // Whoever reads the batches gets it.
            _batches.Writer.Complete(exception);
        }
    }
}
