namespace DataPlatform.Dbt.Jinja;

/// <summary>What lists and tuples share.</summary>
internal abstract class PythonSequence(List<object?> items) : JinjaObject
{
    public List<object?> Items { get; } = items;

    public override bool IsTrue => Items.Count > 0;

    public override bool IsSequence => true;

    public override int? Length => Items.Count;

    public override IEnumerator<object?> Iterate()
    {
        // By index: Python sees what is added to a list while it is iterated.
        for (var i = 0; TryGetAt(i, out var item); i++) yield return item;
    }

    public override bool TryGetItem(object? key, out object? value)
    {
        value = null;
        return Index(key, Items.Count) is { } index && TryGetAt(index, out value);
    }

    public override bool ValueEquals(object? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is not PythonSequence sequence || sequence is PythonList != this is PythonList || sequence.Items.Count != Items.Count) return false;
        JinjaRun.EnsureStack();
        for (var i = 0; i < Items.Count; i++)
            if (!Operations.AreEqual(Items[i], sequence.Items[i])) return false;
        return true;
    }

    // A list that nodes share, such as one below graph, may have become shorter in the meantime.
    private bool TryGetAt(int index, out object? item)
    {
        lock (Items)
        {
            item = index < Items.Count ? Items[index] : null;
            return index < Items.Count;
        }
    }

    /// <summary>The index that a subscript means, or null when there is no such item.</summary>
    public static int? Index(object? key, int count)
    {
        if (Numbers.AsLong(key) is not { } index) return null;
        if (index < 0) index += count;
        return index >= 0 && index < count ? (int)index : null;
    }

    public static bool TryGetItem(string text, object? key, out object? value)
    {
        value = null;
        if (CodePoints.AreChars(text))
        {
            if (Index(key, text.Length) is not { } index) return false;
            value = text[index].ToString();
            return true;
        }

        var characters = CodePoints.Split(text);
        if (Index(key, characters.Count) is not { } place) return false;
        value = characters[place];
        return true;
    }
}

internal sealed class PythonList(List<object?> items) : PythonSequence(items)
{
    public PythonList(IEnumerable<object?> items) : this([.. items])
    {
    }

    public override string TypeName => "list";

    public override bool TryGetAttribute(string name, out object? value) => CollectionMethods.TryGet(this, name, out value);

    public override string Repr() => Representation.Of(this, "[", Items, "]");

    public override int ValueHash() => Unhashable(TypeName);
}

/// <param name="items">The items.</param>
/// <param name="names">Names that the items can be reached by, when it is one of <c>groupby</c>.</param>
internal sealed class PythonTuple(List<object?> items, string[]? names = null) : PythonSequence(items)
{
    public PythonTuple(params object?[] items) : this(items.ToList())
    {
    }

    public override string TypeName => "tuple";

    public override bool TryGetAttribute(string name, out object? value)
    {
        if (names is not null && Array.IndexOf(names, name) is >= 0 and var place)
        {
            value = Items[place];
            return true;
        }

        return CollectionMethods.TryGet(this, name, out value);
    }

    public override string Repr() => Representation.Of(this, "(", Items, Items.Count == 1 ? ",)" : ")");

    public override int ValueHash()
    {
        JinjaRun.EnsureStack();
        var hash = new HashCode();
        foreach (var item in Items) hash.Add(Operations.Hash(item));
        return hash.ToHashCode();
    }
}

/// <summary>A dict: it keeps the order in which its keys came. Nodes that run at the same time may share one, so that each step is taken under a lock.</summary>
internal sealed class PythonDict : JinjaObject
{
    private static readonly object None = new();

    private readonly OrderedDictionary<object, object?> _items = new(Operations.Equality);

    public PythonDict()
    {
    }

    public PythonDict(IEnumerable<KeyValuePair<string, object?>> items)
    {
        foreach (var (key, value) in items) this[key] = value;
    }

    public override string TypeName => "dict";

    public override bool IsMapping => true;

    public override bool IsTrue => _items.Count > 0;

    public override bool IsSequence => true;

    public override int? Length => _items.Count;

    public int Count => _items.Count;

    /// <summary>Sets the value of a key.</summary>
    public object? this[object? key]
    {
        set
        {
            lock (_items) _items[key ?? None] = value;
        }
    }

    public IEnumerable<object?> Keys => Enumerate(static item => Key(item));

    public IEnumerable<object?> Values => Enumerate(static item => item.Value);

    public IEnumerable<KeyValuePair<object?, object?>> Items => Enumerate(static item => new KeyValuePair<object?, object?>(Key(item), item.Value));

    /// <summary>The value of a key, or null when there is none.</summary>
    public object? Get(object? key) => TryGet(key, out var value) ? value : null;

    public bool TryGet(object? key, out object? value)
    {
        lock (_items) return _items.TryGetValue(key ?? None, out value);
    }

    public bool Contains(object? key)
    {
        lock (_items) return _items.ContainsKey(key ?? None);
    }

    /// <summary>The value of a key, which is set when there is none.</summary>
    public object? GetOrAdd(object? key, object? value)
    {
        lock (_items) return _items.TryAdd(key ?? None, value) ? value : _items[key ?? None];
    }

    public bool Remove(object? key, out object? value)
    {
        lock (_items) return _items.Remove(key ?? None, out value);
    }

    public bool TryRemoveLast(out KeyValuePair<object?, object?> item)
    {
        lock (_items)
        {
            item = default;
            if (_items.Count == 0) return false;
            var last = _items.GetAt(_items.Count - 1);
            _items.RemoveAt(_items.Count - 1);
            item = new KeyValuePair<object?, object?>(Key(last), last.Value);
            return true;
        }
    }

    public void Clear()
    {
        lock (_items) _items.Clear();
    }

    public override bool TryGetAttribute(string name, out object? value) => CollectionMethods.TryGet(this, name, out value);

    public override bool TryGetItem(object? key, out object? value) => TryGet(key, out value);

    public override IEnumerator<object?> Iterate() => Keys.GetEnumerator();

    public override bool ValueEquals(object? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is not PythonDict dict || dict.Count != Count) return false;
        JinjaRun.EnsureStack();
        foreach (var (key, value) in Items)
            if (!dict.TryGet(key, out var otherValue) || !Operations.AreEqual(value, otherValue)) return false;
        return true;
    }

    public override int ValueHash() => Unhashable(TypeName);

    public override string Repr() => Representation.Of(
        this, "{", Items, "}", static (text, item) => Representation.Append(text.Append(Representation.Of(item.Key)).Append(": "), item.Value));

    private static object? Key(KeyValuePair<object, object?> item) => ReferenceEquals(item.Key, None) ? null : item.Key;

    private IEnumerable<T> Enumerate<T>(Func<KeyValuePair<object, object?>, T> select)
    {
        var count = _items.Count;
        for (var i = 0; ; i++)
        {
            KeyValuePair<object, object?> item;
            lock (_items)
            {
                if (_items.Count != count) throw new TemplateError("dictionary changed size during iteration", "Iterate over a list of its keys: |list.");
                if (i == count) yield break;
                item = _items.GetAt(i);
            }

            yield return select(item);
        }
    }
}

/// <summary>What <c>keys()</c>, <c>values()</c> and <c>items()</c> of a dict give: it shows what the dict holds now.</summary>
internal sealed class PythonDictView(PythonDict dict, string kind) : JinjaObject
{
    public override string TypeName => $"dict_{kind}";

    public override bool IsTrue => dict.Count > 0;

    public override int? Length => dict.Count;

    public bool IsSet => kind != "values";

    public IEnumerable<object?> Items => kind switch
    {
        "keys" => dict.Keys,
        "values" => dict.Values,
        _ => dict.Items.Select(static item => (object?)new PythonTuple(item.Key, item.Value)),
    };

    public override IEnumerator<object?> Iterate() => Items.GetEnumerator();

    public override string Repr() => Representation.Of(this, $"{TypeName}([", Items, "])");

    public override bool ValueEquals(object? other) => ReferenceEquals(this, other) || (IsSet && PythonSet.From(this).ValueEquals(other));
}

/// <summary>A set. Its order is that in which items came, where Python's is that of their hashes.</summary>
internal sealed class PythonSet : JinjaObject
{
    private readonly PythonDict _items = new();

    public PythonSet(IEnumerable<object?> items)
    {
        foreach (var item in items) _items[item] = null;
    }

    public override string TypeName => "set";

    public override bool IsTrue => _items.Count > 0;

    public override int? Length => _items.Count;

    public IEnumerable<object?> Items => _items.Keys;

    public int Count => _items.Count;

    /// <summary>The items of a set or of a view that is like one.</summary>
    public static PythonSet From(JinjaObject value) => value as PythonSet ?? new PythonSet(Operations.Enumerate(value));

    public bool Contains(object? item) => _items.Contains(item);

    public void Add(object? item) => _items[item] = null;

    public bool Remove(object? item) => _items.Remove(item, out _);

    public void Clear() => _items.Clear();

    public override bool TryGetAttribute(string name, out object? value) => CollectionMethods.TryGet(this, name, out value);

    public override IEnumerator<object?> Iterate() => Items.GetEnumerator();

    public override string Repr() => Count == 0 ? "set()" : Representation.Of(this, "{", Items, "}");

    public override bool ValueEquals(object? other) =>
        ReferenceEquals(this, other) || (other is PythonSet or PythonDictView { IsSet: true } && From((JinjaObject)other) is var set && set.Count == Count && Items.All(set.Contains));

    public override int ValueHash() => Unhashable(TypeName);
}

/// <summary>Whole numbers at equal distances.</summary>
internal sealed class PythonRange(long start, long stop, long step) : JinjaObject
{
    /// <summary>The most that Jinja's sandbox, which dbt uses, allows.</summary>
    private const int MaxLength = 100_000;

    public static PythonRange Create(long start, long stop, long step)
    {
        if (step == 0) throw new TemplateError("range() arg 3 must not be zero");
        var range = new PythonRange(start, stop, step);
        return range.Count <= MaxLength ? range : throw new TemplateError($"Range too big. Ranges have at most {MaxLength} items.");
    }

    public override string TypeName => "range";

    public override bool IsTrue => Count > 0;

    public override bool IsSequence => true;

    public override int? Length => (int)Count;

    private Int128 Count => Int128.Max(0, step > 0 ? ((Int128)stop - start + step - 1) / step : ((Int128)start - stop - step - 1) / -(Int128)step);

    public override IEnumerator<object?> Iterate()
    {
        var count = (int)Count;
        for (var i = 0; i < count; i++) yield return start + (i * step);
    }

    public override bool TryGetItem(object? key, out object? value)
    {
        value = null;
        if (PythonSequence.Index(key, (int)Count) is not { } index) return false;
        value = start + (index * step);
        return true;
    }

    public bool Contains(object? item)
    {
        if (Numbers.AsLong(item is double number && Math.Floor(number) == number && Math.Abs(number) < 1e18 ? (long)number : item) is not { } value) return false;
        return (step > 0 ? value >= start && value < stop : value <= start && value > stop) && ((Int128)value - start) % step == 0;
    }

    /// <summary>The range of the items at the indices from one to another.</summary>
    public PythonRange Slice(long first, long last, long by) => new(start + (first * step), start + (last * step), step * by);

    public override string Repr() => step == 1 ? $"range({start}, {stop})" : $"range({start}, {stop}, {step})";

    public override bool ValueEquals(object? other) => other is PythonRange range && Operations.Enumerate(this).SequenceEqual(Operations.Enumerate(range));

    public override int ValueHash() => HashCode.Combine(Count, Count > 0 ? start : 0, Count > 1 ? step : 0);
}

/// <summary>Items that can be taken once: what <c>map</c>, <c>select</c> and their like give.</summary>
internal sealed class PythonIterator(IEnumerable<object?> items) : JinjaObject
{
    private readonly IEnumerator<object?> _items = items.GetEnumerator();

    public override string TypeName => "generator";

    public override IEnumerator<object?> Iterate() => _items;

    // Python prints an address as well.
    public override string Repr() => "<generator object>";
}

/// <summary>What <c>namespace()</c> gives: attributes that can be set from inner scopes.</summary>
internal sealed class JinjaNamespace : JinjaObject
{
    private readonly Dictionary<string, object?> _attributes = new(StringComparer.Ordinal);

    public override string TypeName => "Namespace";

    public object? this[string name]
    {
        set => _attributes[name] = value;
    }

    public override bool TryGetAttribute(string name, out object? value) => _attributes.TryGetValue(name, out value);

    public override bool TryGetItem(object? key, out object? value)
    {
        value = null;
        return key is string name && _attributes.TryGetValue(name, out value);
    }

    public override string Repr() => $"<Namespace {Representation.Of(new PythonDict(_attributes))}>";
}
