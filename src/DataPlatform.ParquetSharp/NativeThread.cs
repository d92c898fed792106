using System.Collections.Concurrent;

namespace DataPlatform.ParquetSharp;

/// <summary>
/// A thread on which all calls of the native library for a file are made, one after the other. Its allocator keeps for each thread what that has freed: on the threads of the
/// pool, of which there are more, and on a new one for each file, it would keep several times as much.
/// </summary>
internal sealed class NativeThread
{
    private static readonly ConcurrentBag<NativeThread> Idle = [];

    private readonly BlockingCollection<Task> _work = [];

    private NativeThread() => new Thread(Run) { IsBackground = true, Name = "ParquetSharp" }.Start();

    /// <summary>A thread that nobody else has until it is given back.</summary>
    public static NativeThread Rent() => Idle.TryTake(out var thread) ? thread : new NativeThread();

    /// <summary>Gives the thread back, for the next file.</summary>
    public void Return() => Idle.Add(this);

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

    private void Run()
    {
        foreach (var task in _work.GetConsumingEnumerable()) task.RunSynchronously();
    }
}
