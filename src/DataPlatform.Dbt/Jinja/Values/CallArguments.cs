namespace DataPlatform.Dbt.Jinja;

/// <summary>What a call gives to a function.</summary>
/// <param name="run">The rendering that the call is in.</param>
/// <param name="positional">Arguments without names.</param>
/// <param name="named">Arguments with names, each once.</param>
internal sealed class CallArguments(JinjaRun run, IReadOnlyList<object?> positional, IReadOnlyList<KeyValuePair<string, object?>> named)
{
    public JinjaRun Run { get; } = run;

    public IReadOnlyList<object?> Positional { get; } = positional;

    public IReadOnlyList<KeyValuePair<string, object?>> Named { get; } = named;

    /// <summary>The value of a named argument.</summary>
    public bool TryGetNamed(string name, out object? value)
    {
        foreach (var argument in Named)
        {
            if (argument.Key != name) continue;
            value = argument.Value;
            return true;
        }

        value = null;
        return false;
    }
}

/// <summary>A function's parameters.</summary>
internal sealed class Signature
{
    private static readonly object Absent = new();

    private readonly string _function;
    private readonly string[] _names;
    private readonly int _required;

    /// <param name="text">The function's name and its parameters; those that may be left out end in a question mark.</param>
    public Signature(string text)
    {
        var words = text.Split(' ');
        _function = words[0];
        _names = [.. words.Skip(1).Select(word => word.TrimEnd('?'))];
        _required = words.Skip(1).Count(word => !word.EndsWith('?'));
    }

    public string Name => _function;

    /// <summary>Makes a function that takes its arguments by position or name.</summary>
    public static Func<CallArguments, object?> Of(string text, Func<JinjaRun, BoundArguments, object?> body)
    {
        // Of the functions that a template could call it calls few.
        Signature? signature = null;
        return arguments => body(arguments.Run, (signature ??= new Signature(text)).Bind(arguments));
    }

    public static bool IsGiven(object? value) => !ReferenceEquals(value, Absent);

    /// <summary>Gives each parameter its argument.</summary>
    /// <exception cref="TemplateError">One is missing, unknown, or there twice.</exception>
    public BoundArguments Bind(CallArguments arguments)
    {
        if (arguments.Positional.Count > _names.Length)
            throw new TemplateError($"{_function}() takes at most {_names.Length} argument(s), and got {arguments.Positional.Count}");
        var values = new object?[_names.Length];
        for (var i = 0; i < values.Length; i++) values[i] = i < arguments.Positional.Count ? arguments.Positional[i] : Absent;
        foreach (var (name, value) in arguments.Named)
        {
            var place = Array.IndexOf(_names, name);
            if (place < 0) throw new TemplateError($"{_function}() takes no argument '{name}'");
            if (IsGiven(values[place])) throw new TemplateError($"{_function}() got two values for the argument '{name}'");
            values[place] = value;
        }

        for (var i = 0; i < _required; i++)
            if (!IsGiven(values[i])) throw new TemplateError($"{_function}() misses the argument '{_names[i]}'");
        return new BoundArguments(values, _names, _function);
    }
}

/// <summary>Arguments by the place of their parameter.</summary>
internal readonly struct BoundArguments(object?[] values, string[] names, string function)
{
    public object? this[int place] => values[place];

    public bool Has(int place) => Signature.IsGiven(values[place]);

    public object? Or(int place, object? otherwise) => Has(place) ? values[place] : otherwise;

    public bool Flag(int place) => Has(place) && Operations.IsTrue(values[place]);

    public string Text(int place) =>
        Operations.AsText(values[place]) ?? throw Wrong(place, "a string");

    public string Text(int place, string otherwise) => Has(place) ? Text(place) : otherwise;

    /// <summary>A text, or null when it is left out or None.</summary>
    public string? TextOrNull(int place) => Has(place) && values[place] is not null ? Text(place) : null;

    public int Int(int place) => values[place] switch
    {
        bool value => value ? 1 : 0,
        long value => (int)Math.Clamp(value, int.MinValue, int.MaxValue),
        System.Numerics.BigInteger value => value.Sign < 0 ? int.MinValue : int.MaxValue,
        _ => throw Wrong(place, "a whole number"),
    };

    public int Int(int place, int otherwise) => Has(place) ? Int(place) : otherwise;

    /// <summary>A whole number, or null when it is left out or None.</summary>
    public int? IntOrNull(int place) => Has(place) && values[place] is not null ? Int(place) : null;

    private TemplateError Wrong(int place, string wanted) => values[place] is Undefined undefined
        ? undefined.Failure()
        : new TemplateError($"{function}() wants {wanted} for '{names[place]}', not {Operations.TypeName(values[place])}");
}
