using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Context;

/// <summary>An object of dbt's with a fixed set of attributes. What it lacks is refused rather than undefined: dbt may have it.</summary>
internal class TemplateObject(string name) : JinjaObject
{
    private readonly Dictionary<string, Func<object?>> _attributes = new(StringComparer.Ordinal);

    public override string TypeName => name;

    public TemplateObject Add(string attribute, object? value)
    {
        _attributes.Add(attribute, () => value);
        return this;
    }

    public TemplateObject Add(string attribute, Func<object?> value)
    {
        _attributes.Add(attribute, value);
        return this;
    }

    /// <summary>Adds a method.</summary>
    /// <param name="signature">Its name and parameters, as <see cref="Signature"/> reads them.</param>
    /// <param name="body">What it does.</param>
    public TemplateObject Method(string signature, Func<BoundArguments, object?> body)
    {
        var method = signature.Split(' ')[0];
        return Add(method, new JinjaFunction(method, Signature.Of(signature, (_, arguments) => body(arguments))));
    }

    public override bool TryGetAttribute(string attribute, out object? value)
    {
        value = _attributes.TryGetValue(attribute, out var found) ? found() : throw Unsupported($"'{name}.{attribute}'");
        return true;
    }

    /// <summary>What stands outside of the subset that is built in.</summary>
    public static TemplateError Unsupported(string construct) =>
        new($"The built-in dbt engine does not support {construct}.", "Install dbt and set the runner to Cli, or do without it: see docs/dbt-engine.md.");
}
