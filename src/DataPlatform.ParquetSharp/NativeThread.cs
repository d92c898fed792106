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

    /// <summary>Runs an action there, after those that were handed in before.</summary>
    public Task RunAsync(Action action)
    {
        // Whoever waits goes on elsewhere: here it could wait for this thread itself.
        var task = new Task(action, TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(task);
        return task;
    }

    /// <summary>Waits for what was handed in, and ends the thread.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        foreach (var task in _work.GetConsumingEnumerable()) task.RunSynchronously();
    }
}
