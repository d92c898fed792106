namespace DataPlatform.Dbt.Jinja;

/// <summary>The methods of lists, tuples, dicts and sets.</summary>
internal static class CollectionMethods
{
    private static readonly MethodTable<PythonList> OfList = new MethodTable<PythonList>("list")
        .Add("append item", (list, a) => Change(list, () => list.Items.Add(a[0])))
        .Add("clear", (list, _) => Change(list, list.Items.Clear))
        .Add("copy", (list, _) => new PythonList(Operations.Enumerate(list)))
        .Add("count value", (list, a) => (long)list.Items.Count(item => Operations.AreEqual(item, a[0])))
        .Add("extend iterable", (list, a) => Change(list, () =>
        {
            List<object?> more = [.. Operations.Enumerate(a[0])];
            JinjaRun.EnsureSize((long)list.Items.Count + more.Count);
            list.Items.AddRange(more);
        }))
        .Add("index value start? stop?", IndexOf)
        .Add("insert index item", (list, a) => Change(list, () =>
        {
            var index = a.Int(0);
            list.Items.Insert(Math.Clamp(index < 0 ? index + list.Items.Count : index, 0, list.Items.Count), a[1]);
        }))
        .Add("pop index?", (list, a) =>
        {
            lock (list.Items)
            {
                if (list.Items.Count == 0) throw new TemplateError("pop from empty list");
                var index = PythonSequence.Index(a.Has(0) ? (long)a.Int(0) : -1L, list.Items.Count) ?? throw new TemplateError("pop index out of range");
                var item = list.Items[index];
                list.Items.RemoveAt(index);
                return item;
            }
        })
        .Add("remove value", (list, a) => Change(list, () =>
        {
            var index = list.Items.FindIndex(item => Operations.AreEqual(item, a[0]));
            if (index < 0) throw new TemplateError("list.remove(x): x not in list");
            list.Items.RemoveAt(index);
        }))
        .Add("reverse", (list, _) => Change(list, list.Items.Reverse))
        .Add("sort key? reverse?", (list, a) => Change(list, () =>
        {
            if (a.Or(0, null) is not null) throw new TemplateError("sort() with a key is not supported.", "Use the filter |sort(attribute=…).");
            var sorted = Operations.Sort(list.Items, item => item, a.Flag(1));
            list.Items.Clear();
            list.Items.AddRange(sorted);
        }));

    private static readonly MethodTable<PythonTuple> OfTuple = new MethodTable<PythonTuple>("tuple")
        .Add("count value", (tuple, a) => (long)tuple.Items.Count(item => Operations.AreEqual(item, a[0])))
        .Add("index value start? stop?", IndexOf);

    private static readonly MethodTable<PythonDict> OfDict = new MethodTable<PythonDict>("dict", "fromkeys")
        .Add("clear", (dict, _) => Change(dict.Clear))
        .Add("copy", (dict, _) => Globals.CopyDict(dict))
        .Add("get key default?", (dict, a) => dict.TryGet(a[0], out var value) ? value : a.Or(1, null))
        .Add("items", (dict, _) => new PythonDictView(dict, "items"))
        .Add("keys", (dict, _) => new PythonDictView(dict, "keys"))
        .Add("pop key default?", (dict, a) =>
            dict.Remove(a[0], out var value) ? value : a.Has(1) ? a[1] : throw new TemplateError($"There is no key {Representation.Of(a[0])}."))
        .Add("popitem", (dict, _) =>
        {
            if (!dict.TryRemoveLast(out var item)) throw new TemplateError("popitem(): dictionary is empty");
            return new PythonTuple(item.Key, item.Value);
        })
        .Add("setdefault key default?", (dict, a) => dict.GetOrAdd(a[0], a.Or(1, null)))
        .AddOpen("update", (dict, arguments) => Change(() => Globals.FillDict(dict, arguments, "update")))
        .Add("values", (dict, _) => new PythonDictView(dict, "values"));

    private static readonly MethodTable<PythonSet> OfSet = new MethodTable<PythonSet>("set", "difference_update", "intersection_update", "symmetric_difference_update")
        .Add("add item", (set, a) => Change(() => set.Add(a[0])))
        .Add("clear", (set, _) => Change(set.Clear))
        .Add("copy", (set, _) => new PythonSet(set.Items))
        .AddOpen("difference", (set, a) => Without(set, a.Positional.SelectMany(Operations.Enumerate)))
        .Add("discard item", (set, a) => Change(() => set.Remove(a[0])))
        .AddOpen("intersection", (set, a) => a.Positional.Select(Of).Aggregate(set, (result, other) => new PythonSet(result.Items.Where(other.Contains))))
        .Add("isdisjoint other", (set, a) => !Of(a[0]).Items.Any(set.Contains))
        .Add("issubset other", (set, a) => Of(a[0]) is var other && set.Items.All(other.Contains))
        .Add("issuperset other", (set, a) => Of(a[0]).Items.All(set.Contains))
        .Add("pop", (set, _) =>
        {
            if (set.Count == 0) throw new TemplateError("pop from an empty set");
            var item = set.Items.First();
            set.Remove(item);
            return item;
        })
        .Add("remove item", (set, a) => set.Remove(a[0]) ? null : throw new TemplateError($"There is no item {Representation.Of(a[0])}."))
        .Add("symmetric_difference other", (set, a) => Of(a[0]) is var other ? new PythonSet([.. Without(set, other.Items).Items, .. Without(other, set.Items).Items]) : null)
        .AddOpen("union", (set, a) => new PythonSet([.. set.Items, .. a.Positional.SelectMany(Operations.Enumerate)]))
        .AddOpen("update", (set, a) => Change(() =>
        {
            foreach (var item in a.Positional.SelectMany(Operations.Enumerate).ToList()) set.Add(item);
        }));

    public static bool TryGet(PythonList owner, string name, out object? method) => OfList.TryGet(owner, name, out method);

    public static bool TryGet(PythonTuple owner, string name, out object? method) => OfTuple.TryGet(owner, name, out method);

    public static bool TryGet(PythonDict owner, string name, out object? method) => OfDict.TryGet(owner, name, out method);

    public static bool TryGet(PythonSet owner, string name, out object? method) => OfSet.TryGet(owner, name, out method);

    // Nodes that run at the same time may share a list.
    private static object? Change(PythonList list, Action change)
    {
        lock (list.Items) change();
        return null;
    }

    private static object? Change(Action change)
    {
        change();
        return null;
    }

    private static object IndexOf(PythonSequence sequence, BoundArguments arguments)
    {
        var count = sequence.Items.Count;
        for (var i = Clamp(arguments.IntOrNull(1) ?? 0); i < Clamp(arguments.IntOrNull(2) ?? count); i++)
            if (Operations.AreEqual(sequence.Items[i], arguments[0])) return (long)i;
        throw new TemplateError($"{Representation.Of(arguments[0])} is not in {sequence.TypeName}");

        int Clamp(int index) => Math.Clamp(index < 0 ? index + count : index, 0, count);
    }

    private static PythonSet Of(object? value) => value as PythonSet ?? new PythonSet(Operations.Enumerate(value));

    private static PythonSet Without(PythonSet set, IEnumerable<object?> items)
    {
        var others = new PythonSet(items);
        return new PythonSet(set.Items.Where(item => !others.Contains(item)));
    }
}
