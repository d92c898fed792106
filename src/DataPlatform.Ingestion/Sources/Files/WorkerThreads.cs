using System.Collections.Concurrent;

namespace DataPlatform.Ingestion;

/// <summary>
/// Threads for long computations. On those of the pool, of which there are as many as processors, all that goes on after it has waited would stand in line behind these.
/// </summary>
internal sealed class WorkerThreads : IDisposable
{
    private readonly BlockingCollection<Task> _work = [];
    private readonly Thread[] _threads;

    /// <param name="count">How many.</param>
    /// <param name="name">Their name.</param>
    public WorkerThreads(int count, string name)
    {
        _threads = new Thread[count];
        for (var i = 0; i < count; i++)
        {
            _threads[i] = new Thread(Run) { IsBackground = true, Name = name };
            _threads[i].Start();
        }
    }

    /// <summary>Computes something on one of them. Those that were handed in before are begun before.</summary>
    public Task<T> RunAsync<T>(Func<T> compute)
    {
        // Whoever waits goes on elsewhere.
        var task = new Task<T>(compute, TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(task);
        return task;
    }

    /// <summary>Waits for what was handed in, and ends the threads.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        foreach (var thread in _threads) thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        foreach (var task in _work.GetConsumingEnumerable()) task.RunSynchronously();
    }
}
