using System.Threading.Channels;

namespace DataPlatform.Ingestion;

/// <summary>Reads a source while what was read before is written: a few batches ahead, so that neither waits for the other and memory stays bounded.</summary>
internal sealed class ReadAhead : IAsyncDisposable
{
    private const int BatchesAhead = 2;

    private readonly Channel<SourceBatch> _batches = Channel.CreateBounded<SourceBatch>(
        new BoundedChannelOptions(BatchesAhead) { SingleReader = true, SingleWriter = true });

    private readonly CancellationTokenSource _stop;
    private readonly CancellationToken _cancellationToken;
    private readonly Task _reading;

    public ReadAhead(ISource source, SourceContext context, CancellationToken cancellationToken)
    {
        _cancellationToken = cancellationToken;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _reading = Task.Run(() => ReadAsync(source, context, _stop.Token), CancellationToken.None);
    }

    /// <summary>The batches in order, those that were not taken before. Ends with the exception that reading ended with.</summary>
    public IAsyncEnumerable<SourceBatch> Batches => _batches.Reader.ReadAllAsync(_cancellationToken);

    /// <summary>Waits until there is a batch; false when the source has no more.</summary>
    public ValueTask<bool> WaitForAnyAsync() => _batches.Reader.WaitToReadAsync(_cancellationToken);

    /// <summary>Stops reading and lets go of what was not taken.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _reading.ConfigureAwait(false);
        while (_batches.Reader.TryRead(out var batch)) batch.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync(ISource source, SourceContext context, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var batch in source.ReadAsync(context, cancellationToken).ConfigureAwait(false))
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
