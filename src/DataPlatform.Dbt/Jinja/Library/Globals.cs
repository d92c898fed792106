using System.Diagnostics.CodeAnalysis;

namespace DataPlatform.Dbt.Jinja;

/// <summary>The names that every template has.</summary>
internal static class Globals
{
    private static readonly Dictionary<string, object?> Values = new(StringComparer.Ordinal)
    {
        ["range"] = new JinjaFunction("range", Range),
        ["dict"] = new JinjaFunction("dict", arguments =>
        {
            var dict = new PythonDict();
            FillDict(dict, arguments, "dict");
            return dict;
        }),
        ["namespace"] = new JinjaFunction("namespace", arguments =>
        {
            var dict = new PythonDict();
            FillDict(dict, arguments, "namespace");
            var result = new JinjaNamespace();
            foreach (var (key, value) in dict.Items) result[Operations.AsText(key) ?? throw new TemplateError("The attributes of a namespace are named by text.")] = value;
            return result;
        }),
        ["cycler"] = new JinjaFunction("cycler", arguments => arguments.Positional.Count > 0 ? new Cycler(arguments.Positional) : throw new TemplateError("at least one item has to be provided")),
        ["joiner"] = new JinjaFunction("joiner", Signature.Of("joiner sep?", (_, a) => new Joiner(a.Text(0, ", ")))),
        ["lipsum"] = new JinjaFunction("lipsum", _ => throw new TemplateError("'lipsum' is not supported.")),
    };

    public static bool TryResolve(string name, [MaybeNullWhen(false)] out object? value) => Values.TryGetValue(name, out value);

    public static PythonDict CopyDict(PythonDict dict)
    {
        var copy = new PythonDict();
        foreach (var (key, value) in dict.Items) copy[key] = value;
        return copy;
    }

    /// <summary>Puts in what the arguments of <c>dict()</c> mean: a mapping or pairs, and names with values.</summary>
    public static void FillDict(PythonDict dict, CallArguments arguments, string function)
    {
        if (arguments.Positional.Count > 1) throw new TemplateError($"{function} expected at most 1 argument, got {arguments.Positional.Count}");
        if (arguments.Positional is [PythonDict other])
        {
            foreach (var (key, value) in other.Items) dict[key] = value;
        }
        else if (arguments.Positional is [var pairs])
        {
            foreach (var pair in Operations.Enumerate(pairs))
            {
                List<object?> items = [.. Operations.Enumerate(pair)];
                dict[items.Count == 2 ? items[0] : throw new TemplateError($"{function}() wants pairs, and one has the length {items.Count}")] = items[1];
            }
        }

        foreach (var (key, value) in arguments.Named) dict[key] = value;
    }

    private static PythonRange Range(CallArguments arguments)
    {
        if (arguments.Named.Count > 0) throw new TemplateError("range() takes no keyword arguments");
        var bounds = arguments.Positional.Select(value => Numbers.AsLong(value)
            ?? throw (value as Undefined)?.Failure() ?? new TemplateError($"'{Operations.TypeName(value)}' object cannot be interpreted as an integer")).ToArray();
        return bounds switch
        {
            [var stop] => PythonRange.Create(0, stop, 1),
            [var start, var stop] => PythonRange.Create(start, stop, 1),
            [var start, var stop, var step] => PythonRange.Create(start, stop, step),
            _ => throw new TemplateError($"range expected 1 to 3 arguments, got {bounds.Length}"),
        };
    }

    private sealed class Cycler(IReadOnlyList<object?> items) : JinjaObject
    {
        private int _position;

        public override string TypeName => "Cycler";

        public override bool TryGetAttribute(string name, out object? value)
        {
            value = name switch
            {
                "current" => items[_position],
                "next" => new JinjaFunction("next", Signature.Of("next", (_, _) => Next())),
                "reset" => new JinjaFunction("reset", Signature.Of("reset", (_, _) => Reset())),
                _ => Locals.Missing,
            };
            return !ReferenceEquals(value, Locals.Missing);
        }

        private object? Next()
        {
            var item = items[_position];
            _position = (_position + 1) % items.Count;
            return item;
        }

        private object? Reset()
        {
            _position = 0;
            return null;
        }
    }

    private sealed class Joiner(string separator) : JinjaObject
    {
        private bool _isUsed;

        public override string TypeName => "Joiner";

        public override bool IsCallable => true;

        public override object? Call(CallArguments arguments)
        {
            if (_isUsed) return separator;
            _isUsed = true;
            return "";
        }
    }
}
