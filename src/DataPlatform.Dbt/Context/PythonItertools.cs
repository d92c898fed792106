using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Context;

/// <summary><c>modules.itertools</c>. What has an end is a list here.</summary>
internal static class PythonItertools
{
    public static JinjaObject Module { get; } = new TemplateObject("modules.itertools")
        .Add("chain", new JinjaFunction("chain", a => new PythonList(a.Positional.SelectMany(Operations.Enumerate))))
        .Add("product", new JinjaFunction("product", Product))
        .Add("zip_longest", new JinjaFunction("zip_longest", ZipLongest))
        .Add("islice", new JinjaFunction("islice", Slice))
        .Method("permutations iterable r?", a => Choose(Items(a), a.IntOrNull(1), (chosen, next) => !chosen.Contains(next)))
        .Method("combinations iterable r", a => Choose(Items(a), a.Int(1), (chosen, next) => chosen.Count == 0 || next > chosen[^1]))
        .Method("combinations_with_replacement iterable r", a => Choose(Items(a), a.Int(1), (chosen, next) => chosen.Count == 0 || next >= chosen[^1]))
        .Method("accumulate iterable func? initial?", Accumulate)
        .Method("compress data selectors", a => new PythonList(Items(a).Zip(Operations.Enumerate(a[1])).Where(pair => Operations.IsTrue(pair.Second)).Select(pair => pair.First)))
        .Add("starmap", new JinjaFunction("starmap", a => a.Positional is [var function, var tuples]
            ? new PythonList(Operations.Enumerate(tuples).Select(tuple => Operations.Call(function, new CallArguments(a.Run, [.. Operations.Enumerate(tuple)], []))).ToList())
            : throw new TemplateError($"starmap() takes 2 arguments, and got {a.Positional.Count}")))
        .Method("tee iterable n?", a => new PythonTuple([.. Enumerable.Range(0, a.Int(1, 2)).Select(_ => (object?)new PythonList(Items(a)))]))
        .Method("repeat object times?", a => a.IntOrNull(1) is { } times ? new PythonList(Enumerable.Repeat(a[0], JinjaRun.EnsureSize(Math.Max(0, times)))) : new PythonIterator(Cycle([a[0]])))
        .Method("cycle iterable", a => new PythonIterator(Cycle(Items(a))))
        .Method("count start? step?", a => new PythonIterator(Count(a.Or(0, 0L), a.Or(1, 1L))));

    private static List<object?> Items(BoundArguments arguments) => [.. Operations.Enumerate(arguments[0])];

    private static PythonList Product(CallArguments arguments)
    {
        var times = arguments.TryGetNamed("repeat", out var repeat) && Numbers.AsLong(repeat) is { } given ? (int)Math.Clamp(given, 0, int.MaxValue) : 1;
        var lists = arguments.Positional.Select(list => Operations.Enumerate(list).ToList()).ToList();
        IEnumerable<List<object?>> tuples = [[]];
        for (; times > 0; times--)
            foreach (var list in lists) tuples = Bounded(tuples.SelectMany(tuple => list.Select(item => new List<object?>([.. tuple, item]))));
        return new PythonList(tuples.Select(tuple => (object?)new PythonTuple(tuple)));
    }

    private static PythonList ZipLongest(CallArguments arguments)
    {
        arguments.TryGetNamed("fillvalue", out var filler);
        var lists = arguments.Positional.Select(list => Operations.Enumerate(list).ToList()).ToList();
        return new PythonList(Enumerable.Range(0, lists.Select(list => list.Count).DefaultIfEmpty().Max())
            .Select(place => (object?)new PythonTuple([.. lists.Select(list => place < list.Count ? list[place] : filler)])));
    }

    private static PythonList Slice(CallArguments arguments)
    {
        var bounds = arguments.Positional.Skip(1).Select(Numbers.AsLong).ToArray();
        var (start, stop, step) = bounds switch
        {
            [var end] => (0L, end, 1L),
            [var from, var end] => (from ?? 0, end, 1L),
            [var from, var end, var by] => (from ?? 0, end, by ?? 1),
            _ => throw new TemplateError("islice() takes an iterable and stop, or start, stop and step."),
        };
        if (start < 0 || stop < 0 || step < 1) throw new TemplateError("The numbers of islice() are not below zero, and its step is at least 1.");
        return new PythonList(Bounded(Operations.Enumerate(arguments.Positional[0]).Index().TakeWhile(item => stop is null || item.Index < stop).Where(item => item.Index >= start && (item.Index - start) % step == 0)
            .Select(item => item.Item)));
    }

    /// <summary>The tuples of some items by their places, each place one that may follow those before it.</summary>
    private static PythonList Choose(List<object?> items, int? length, Func<List<int>, int, bool> follows)
    {
        IEnumerable<List<int>> chosen = [[]];
        for (var left = length ?? items.Count; left > 0; left--)
            chosen = Bounded(chosen.SelectMany(places => Enumerable.Range(0, items.Count).Where(next => follows(places, next)).Select(next => new List<int>([.. places, next]))));
        return new PythonList(chosen.Select(places => (object?)new PythonTuple([.. places.Select(place => items[place])])));
    }

    private static object Accumulate(BoundArguments arguments)
    {
        if (arguments.Or(1, null) is not null) throw TemplateObject.Unsupported("'modules.itertools.accumulate' with a function");
        var sums = new List<object?>();
        foreach (var item in arguments.Or(2, null) is { } initial ? [initial, .. Items(arguments)] : Items(arguments)) sums.Add(sums.Count == 0 ? item : Operations.Calculate("+", sums[^1], item));
        return new PythonList(sums);
    }

    private static IEnumerable<object?> Cycle(List<object?> items)
    {
        while (items.Count > 0)
            foreach (var item in items) yield return item;
    }

    private static IEnumerable<object?> Count(object? start, object? step)
    {
        for (var value = start; ; value = Operations.Calculate("+", value, step)) yield return value;
    }

    private static List<T> Bounded<T>(IEnumerable<T> items)
    {
        var list = new List<T>();
        foreach (var item in items)
        {
            JinjaRun.EnsureSize(list.Count + 1L);
            list.Add(item);
        }

        return list;
    }
}
