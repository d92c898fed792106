using System.Collections.Concurrent;

namespace DataPlatform.ParquetSharp;

/// <summary>
/// A thread on which all calls of the native library for a file are made, one after the other. Its allocator keeps for each thread what that has freed: on the threads of the
/// pool, of which there are more, it would keep several times as much.
/// </summary>
internal sealed class NativeThread : IDisposable
{
    private readonly BlockingCollection<Task> _work = [];
    private readonly Thread _thread;

    public NativeThread()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "ParquetSharp" };
        _thread.Start();
    }

    /// <summary>
    /// Runs an action there, after those that were handed in before. Whoever waits for it goes on there as well, and hands in the next action, when there is one, before the thread goes to sleep: waking
    /// others, and being woken by them, takes longer than many a batch when all processors are busy.
    /// </summary>
    public Task RunAsync(Action action)
    {
        var task = new Task(action);
        _work.Add(task);
        return task;
    }

    /// <summary>Waits for what was handed in, and ends the thread.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        if (Thread.CurrentThread != _thread) _thread.Join();
    }

    private void Run()
    {
        foreach (var task in _work.GetConsumingEnumerable()) task.RunSynchronously();
        _work.Dispose();
    }
}
