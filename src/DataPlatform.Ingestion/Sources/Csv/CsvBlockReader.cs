using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace DataPlatform.Ingestion;

/// <summary>
/// Reads the rows of a CSV file on several processors: the text is cut into blocks, and each is typed by itself. Where it is cut is a guess, which the block before proves: that one is known to begin with
/// a row, so it also ends with one unless its text ends within quotes. A block that was cut wrongly, and one that cannot be read, is left in the text with all that follows; the caller reads on from there.
/// </summary>
internal sealed class CsvBlockReader(CsvText text, SourceFile file, CsvOptions options, SourceContext context)
{
    private readonly ConcurrentBag<BatchBuilder> _builders = [];

    /// <summary>Which fields are for which columns; null when nothing was read.</summary>
    public CsvColumns? Columns { get; private set; }

    /// <summary>Where in the file the rows end that were read.</summary>
    public CsvPosition Position { get; private set; }

    /// <summary>Reads as many blocks as there are. Positions of rejected rows count from the lines that come before the block.</summary>
    public async IAsyncEnumerable<(SourceBatch Batch, long LinesBefore)> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var ahead = new Queue<(CsvBlock Block, Task<BlockRows?> Reading)>();
        WorkerThreads? threads = null;
        try
        {
            while (true)
            {
                while (ahead.Count <= context.ThreadsOfFile && await text.CutAsync(cancellationToken).ConfigureAwait(false) is { } block)
                {
                    var isFirst = Columns is null;
                    if (isFirst && !await TryBeginAsync(block, cancellationToken).ConfigureAwait(false))
                    {
                        text.PutBack(block);
                        yield break;
                    }

                    threads ??= new WorkerThreads(context.ThreadsOfFile, "CSV");
                    ahead.Enqueue((block, threads.RunAsync(() => Read(block, isFirst, cancellationToken))));
                }

                if (ahead.Count == 0 || await ahead.Peek().Reading.ConfigureAwait(false) is not { } rows) yield break;
                var (begun, read) = (Position, ahead.Dequeue().Block);
                Position = new CsvPosition(begun.Lines + rows.Lines, begun.Bytes + read.Length);
                read.Dispose();
                foreach (var batch in rows.Batches) yield return (batch, begun.Lines);
            }
        }
        finally
        {
            foreach (var (block, reading) in ahead)
            {
                await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (reading.IsCompletedSuccessfully) reading.Result?.Dispose();
                text.PutBack(block);
            }

            threads?.Dispose();
        }
    }

    private async Task<bool> TryBeginAsync(CsvBlock block, CancellationToken cancellationToken)
    {
        using var rows = new CsvRows(block.Open(), options, file);
        try
        {
            var header = await rows.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
            var columns = CsvColumns.Map(header, context, file, options);
            if (columns.FieldCount == 0 && await rows.NextAsync(cancellationToken).ConfigureAwait(false)) columns = columns with { FieldCount = rows.Reader.FieldCount };
            if (columns.FieldCount > 0 && !rows.EndsInQuotes) Columns = columns;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // It is told when the file is read from its beginning.
        }

        return Columns is not null;
    }

    private BlockRows? Read(CsvBlock block, bool isFirst, CancellationToken cancellationToken)
    {
        if (!_builders.TryTake(out var builder)) builder = new BatchBuilder(context.Contract, context.BatchBytes);
        var batches = new List<SourceBatch>();
        try
        {
            using var rows = new CsvRows(block.Open(), isFirst ? options : options with { HasHeader = false }, file);
            if (isFirst) _ = Completed(rows.ReadHeaderAsync(cancellationToken));
            var reader = new CsvRowReader(rows, Columns!, builder, file.Key, options);
            while (Completed(reader.FillAsync(cancellationToken).AsTask())) batches.Add(builder.Take());
            if (!builder.IsEmpty) batches.Add(builder.Take());
            if (!rows.EndsInQuotes)
            {
                _builders.Add(builder);
                return new BlockRows(batches, rows.Line - 1);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // It is told when the block is read with all that follows, and the rows before it have been handed out.
        }

        foreach (var batch in batches) batch.Dispose();
        return null;
    }

    // What is read from memory is there at once.
    private static T Completed<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private sealed record BlockRows(List<SourceBatch> Batches, long Lines) : IDisposable
    {
        public void Dispose()
        {
            foreach (var batch in Batches) batch.Dispose();
        }
    }
}
