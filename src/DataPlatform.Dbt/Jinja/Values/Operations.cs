using System.Numerics;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Python's operations on values of any type.</summary>
internal static class Operations
{
    public static IEqualityComparer<object> Equality { get; } = new PythonEquality();

    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        string => "str",
        JinjaObject other => other.TypeName,
        _ => value.GetType().Name,
    };

    /// <summary>A value that a host gave and that is none of a template's.</summary>
    public static TemplateError Foreign(object? value) => new($"A value of the .NET type {value?.GetType()} is no value of a template.");

    public static bool IsTrue(object? value) => value switch
    {
        null => false,
        bool flag => flag,
        string text => text.Length > 0,
        long number => number != 0,
        double number => number != 0,
        BigInteger => true,
        JinjaObject other => other.IsTrue,
        _ => throw Foreign(value),
    };

    /// <summary>The text of a string, or null when it is none.</summary>
    public static string? AsText(object? value) => value as string ?? (value as Markup)?.Text;

    public static bool AreEqual(object? left, object? right)
    {
        if (ReferenceEquals(left, right)) return left is not double.NaN;
        if (left is string a && right is string b) return a == b;
        if (left is JinjaObject x) return x.ValueEquals(right);
        if (right is JinjaObject y) return y.ValueEquals(left);
        return Numbers.IsNumber(left) && Numbers.IsNumber(right) && Numbers.Compare(left!, right!) == 0;
    }

    public static int Hash(object? value) => value switch
    {
        null => 0,
        string text => text.GetHashCode(StringComparison.Ordinal),
        JinjaObject other => other.ValueHash(),
        _ => Numbers.IsNumber(value) ? Numbers.Hash(value) : value.GetHashCode(),
    };

    /// <summary>Does one of <c>&lt; &lt;= &gt; &gt;=</c>.</summary>
    public static bool Compare(string op, object? left, object? right)
    {
        if (Numbers.IsNumber(left) && Numbers.IsNumber(right)) return Numbers.Compare(left!, right!) is { } order && Holds(op, order);
        if (AsText(left) is { } a && AsText(right) is { } b) return Holds(op, CodePoints.Compare(a, b));
        if (left is PythonSequence x && right is PythonSequence y && x is PythonList == y is PythonList)
        {
            JinjaRun.EnsureStack();
            for (var i = 0; i < x.Items.Count && i < y.Items.Count; i++)
                if (!AreEqual(x.Items[i], y.Items[i])) return Compare(op, x.Items[i], y.Items[i]);
            return Holds(op, x.Items.Count.CompareTo(y.Items.Count));
        }

        if (left is PythonSet or PythonDictView { IsSet: true } && right is PythonSet or PythonDictView { IsSet: true })
        {
            var (small, large) = (PythonSet.From((JinjaObject)left), PythonSet.From((JinjaObject)right));
            if (op[0] == '>') (small, large) = (large, small);
            return small.Items.All(large.Contains) && (op.Length == 2 || small.Count < large.Count);
        }

        if ((left as JinjaObject)?.Compare(right) is { } compared) return Holds(op, compared);
        throw (left as Undefined ?? right as Undefined)?.Failure()
            ?? new TemplateError($"'{op}' not supported between instances of '{TypeName(left)}' and '{TypeName(right)}'");
    }

    /// <summary>Sorts by Python's <c>&lt;</c>; what is equal keeps its order.</summary>
    public static List<object?> Sort(IEnumerable<object?> items, Func<object?, object?> key, bool isReversed = false)
    {
        var pairs = items.Select(item => (Key: key(item), Item: item)).ToArray();
        if (isReversed) Array.Reverse(pairs);
        MergeSort(pairs, new (object?, object?)[pairs.Length], 0, pairs.Length);
        if (isReversed) Array.Reverse(pairs);
        return [.. pairs.Select(pair => pair.Item)];
    }

    /// <summary>Does one of <c>+ - * / // % **</c>.</summary>
    public static object? Calculate(string op, object? left, object? right)
    {
        if (Numbers.IsNumber(left) && Numbers.IsNumber(right)) return Numbers.Calculate(op, left!, right!);
        switch (op)
        {
            case "+" when left is string a && right is string b:
                JinjaRun.EnsureSize((long)a.Length + b.Length);
                return a + b;
            case "+" when (left is Markup || right is Markup) && AsText(left) is not null && AsText(right) is not null:
                return new Markup(Escape(left).Text + Escape(right).Text);
            case "+" when left is PythonSequence a && right is PythonSequence b && a is PythonList == b is PythonList:
                JinjaRun.EnsureSize((long)a.Items.Count + b.Items.Count);
                return Same(a, [.. a.Items, .. b.Items]);
            case "*" when Repeats(left) && right is bool or long or BigInteger:
                return Repeat(left, Numbers.AsLong(right) ?? TooLong((BigInteger)right));
            case "*" when Repeats(right) && left is bool or long or BigInteger:
                return Repeat(right, Numbers.AsLong(left) ?? TooLong((BigInteger)left));
            case "%" when left is string format:
                return PercentFormat.Format(format, right);
            case "%" when left is Markup:
                throw new TemplateError("'%' with text that is marked as HTML is not supported.", "Format the text before it is escaped.");
            case "-" when left is PythonSet or PythonDictView { IsSet: true } && right is PythonSet or PythonDictView { IsSet: true }:
                var without = PythonSet.From((JinjaObject)right);
                return new PythonSet(Enumerate(left).Where(item => !without.Contains(item)));
        }

        if ((left as JinjaObject)?.TryCalculate(op, right, isLeft: true, out var result) == true || (right as JinjaObject)?.TryCalculate(op, left, isLeft: false, out result) == true) return result;
        var operation = op == "**" ? "** or pow()" : op;
        throw (left as Undefined ?? right as Undefined)?.Failure()
            ?? new TemplateError(op == "+" && left is string or Markup
                ? $"can only concatenate str (not \"{TypeName(right)}\") to str"
                : $"unsupported operand type(s) for {operation}: '{TypeName(left)}' and '{TypeName(right)}'");
    }

    public static object? Negate(object? value) => value switch
    {
        double number => -number,
        JinjaObject other when other.TryCalculate("*", -1L, isLeft: true, out var result) => result,
        bool or long or BigInteger => Numbers.Calculate("-", 0L, value),
        Undefined undefined => throw undefined.Failure(),
        _ => throw new TemplateError($"bad operand type for unary -: '{TypeName(value)}'"),
    };

    public static object? Plus(object? value) => value switch
    {
        double => value,
        bool or long or BigInteger => Numbers.Calculate("+", 0L, value),
        Undefined undefined => throw undefined.Failure(),
        _ => throw new TemplateError($"bad operand type for unary +: '{TypeName(value)}'"),
    };

    /// <summary>Python's <c>in</c>.</summary>
    public static bool Contains(object? container, object? item)
    {
        switch (container)
        {
            case string or Markup:
                return AsText(item) is { } part
                    ? AsText(container)!.Contains(part, StringComparison.Ordinal)
                    : throw new TemplateError($"'in <string>' requires string as left operand, not {TypeName(item)}");
            case PythonDict dict: return dict.Contains(item);
            case PythonSet set: return set.Contains(item);
            case PythonRange range: return range.Contains(item);
            case JinjaObject { IsMapping: true } mapping: return mapping.TryGetItem(item, out _);
            case JinjaNamespace: throw new TemplateError("argument of type 'Namespace' is not iterable");
        }

        if (container is not JinjaObject other || other.Iterate() is not { } items) throw new TemplateError($"argument of type '{TypeName(container)}' is not iterable");
        while (items.MoveNext())
            if (AreEqual(items.Current, item)) return true;
        return false;
    }

    /// <summary>Begins an iteration.</summary>
    public static IEnumerator<object?> Iterate(object? value) => value switch
    {
        string text => CodePoints.Split(text).GetEnumerator(),
        JinjaObject other when other.Iterate() is { } items => items,
        _ => throw new TemplateError($"'{TypeName(value)}' object is not iterable"),
    };

    /// <summary>The items of a value. An iterator's are taken once.</summary>
    public static IEnumerable<object?> Enumerate(object? value)
    {
        var items = Iterate(value);
        while (true)
        {
            // Iterators can be made of iterators, without end.
            JinjaRun.EnsureStack();
            if (!items.MoveNext()) yield break;
            yield return items.Current;
        }
    }

    public static int? Length(object? value) => value is string text ? CodePoints.Count(text) : (value as JinjaObject)?.Length;

    /// <summary>What <c>value.name</c> is.</summary>
    public static object? GetAttribute(JinjaRun run, object? value, string name)
    {
        if (TryGetMember(value, name, out var member)) return member;
        return value is JinjaObject other && other.TryGetItem(name, out var item) ? item : NoMember(run, value, name);
    }

    /// <summary>What <c>value[key]</c> is.</summary>
    public static object? GetItem(JinjaRun run, object? value, object? key)
    {
        if (value is string text && PythonSequence.TryGetItem(text, key, out var character)) return character;
        // Jinja takes a key that cannot be one for a key that is not there.
        if (value is JinjaObject other && !(value is PythonDict && !IsHashable(key)) && other.TryGetItem(key, out var item)) return item;
        if (AsText(key) is not { } name) return run.NewUndefined($"{Describe(value)} has no element {Representation.Of(key)}");
        return TryGetMember(value, name, out var member) ? member : NoMember(run, value, name);
    }

    /// <summary>What <c>value[start:stop:step]</c> is.</summary>
    public static object Slice(object? value, object? start, object? stop, object? step)
    {
        var length = value is string or Markup or PythonSequence or PythonRange ? Length(value)!.Value : -1;
        if (value is Undefined undefined) throw undefined.Failure();
        if (length < 0) throw new TemplateError(value is PythonDict ? "unhashable type: 'slice'" : $"'{TypeName(value)}' object is not subscriptable");
        var by = Bound(step) ?? 1;
        if (by == 0) throw new TemplateError("slice step cannot be zero");
        var (low, high) = by > 0 ? (0, length) : (-1, length - 1);
        var first = Clamp(Bound(start), by > 0 ? low : high);
        var last = Clamp(Bound(stop), by > 0 ? high : low);
        if (value is PythonRange range) return range.Slice(first, last, by);
        if (AsText(value) is { } text && by == 1) return Mark(value, CodePoints.Slice(text, first, last));
        var from = value is PythonSequence sequence ? sequence.Items : CodePoints.Split(AsText(value)!);
        var items = new List<object?>();
        for (long i = first; by > 0 ? i < last : i > last; i += by) items.Add(from[(int)i]);
        return value is PythonSequence same ? Same(same, items) : Mark(value, string.Concat(items));

        int Clamp(long? bound, int otherwise) => bound is not { } index ? otherwise : (int)Math.Clamp(index < 0 ? index + length : index, low, high);

        static object Mark(object? like, string result) => like is Markup ? new Markup(result) : result;

        static long? Bound(object? bound) => bound switch
        {
            null => null,
            BigInteger big => big.Sign < 0 ? int.MinValue : int.MaxValue,
            _ => Numbers.AsLong(bound) is { } index ? Math.Clamp(index, int.MinValue, int.MaxValue) : throw new TemplateError("slice indices must be integers or None or have an __index__ method"),
        };
    }

    public static object? Call(object? function, CallArguments arguments) =>
        function is JinjaObject callable ? callable.Call(arguments) : throw new TemplateError($"'{TypeName(function)}' object is not callable");

    /// <summary>Text as HTML.</summary>
    public static Markup Escape(object? value) => value as Markup ?? new Markup(PythonText.EscapeHtml(Representation.Print(value)));

    /// <summary>Whether it can be a key of a dict.</summary>
    public static bool IsHashable(object? value)
    {
        if (value is not JinjaObject) return true;
        try
        {
            Hash(value);
            return true;
        }
        catch (TemplateError)
        {
            return false;
        }
    }

    /// <summary>How messages call a value.</summary>
    public static string Describe(object? value) => value is null ? "None" : $"'{TypeName(value)} object'";

    private static bool TryGetMember(object? value, string name, out object? member)
    {
        switch (value)
        {
            case JinjaObject other: return other.TryGetAttribute(name, out member);
            case string text: return StringMethods.TryGet(text, name, out member);
            default: return NumberMethods.TryGet(value, name, out member);
        }
    }

    private static Undefined NoMember(JinjaRun run, object? value, string name) => run.NewUndefined(
        name.StartsWith("__", StringComparison.Ordinal) ? $"access to attribute '{name}' of '{TypeName(value)}' object is unsafe." : $"{Describe(value)} has no attribute '{name}'");

    private static bool Holds(string op, int order) => op switch
    {
        "<" => order < 0,
        "<=" => order <= 0,
        ">" => order > 0,
        _ => order >= 0,
    };

    private static bool Repeats(object? value) => value is string or Markup or PythonSequence;

    private static long TooLong(BigInteger count) => count.Sign < 0 ? 0 : int.MaxValue;

    private static object Repeat(object? value, long count)
    {
        if (AsText(value) is { } text)
        {
            var repeated = CodePoints.Repeat(text, count);
            return value is Markup ? new Markup(repeated) : repeated;
        }

        var sequence = (PythonSequence)value!;
        count = Math.Clamp(count, 0, int.MaxValue);
        var items = new List<object?>(JinjaRun.EnsureSize(sequence.Items.Count * count));
        if (sequence.Items.Count > 0)
            for (; count > 0; count--) items.AddRange(sequence.Items);
        return Same(sequence, items);
    }

    private static PythonSequence Same(PythonSequence like, List<object?> items) => like is PythonList ? new PythonList(items) : new PythonTuple(items);

    private static void MergeSort((object? Key, object? Item)[] pairs, (object? Key, object? Item)[] buffer, int start, int end)
    {
        if (end - start < 2) return;
        var middle = (start + end) / 2;
        MergeSort(pairs, buffer, start, middle);
        MergeSort(pairs, buffer, middle, end);
        var (left, right) = (start, middle);
        for (var i = start; i < end; i++)
            buffer[i] = left < middle && (right >= end || !Compare("<", pairs[right].Key, pairs[left].Key)) ? pairs[left++] : pairs[right++];
        Array.Copy(buffer, start, pairs, start, end - start);
    }

    private sealed class PythonEquality : IEqualityComparer<object>
    {
        bool IEqualityComparer<object>.Equals(object? x, object? y) => ReferenceEquals(x, y) || AreEqual(x, y);

        int IEqualityComparer<object>.GetHashCode(object obj) => Hash(obj);
    }
}
