namespace DataPlatform.Dbt.Jinja;

/// <summary>The methods of a type of values.</summary>
/// <param name="type">What Python calls the type.</param>
/// <param name="unsupported">Methods that Python has and templates do not get: to use one is an error rather than undefined.</param>
internal sealed class MethodTable<T>(string type, params string[] unsupported)
{
    private readonly Dictionary<string, (Signature? Signature, Func<T, CallArguments, BoundArguments, object?> Body)> _methods = new(StringComparer.Ordinal);

    public MethodTable<T> Add(string signature, Func<T, BoundArguments, object?> body)
    {
        var parsed = new Signature(signature);
        _methods.Add(parsed.Name, (parsed, (owner, _, bound) => body(owner, bound)));
        return this;
    }

    /// <summary>Adds one that takes any arguments.</summary>
    public MethodTable<T> AddOpen(string name, Func<T, CallArguments, object?> body)
    {
        _methods.Add(name, (null, (owner, arguments, _) => body(owner, arguments)));
        return this;
    }

    public bool TryGet(T owner, string name, out object? method)
    {
        method = null;
        if (_methods.TryGetValue(name, out var found))
        {
            var (signature, body) = found;
            method = new JinjaFunction(name, arguments => body(owner, arguments, signature is null ? default : signature.Bind(arguments)));
            return true;
        }

        if (Array.IndexOf(unsupported, name) >= 0) throw new TemplateError($"'{name}' of '{type}' is not supported.");
        return false;
    }
}
