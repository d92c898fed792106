using System.Text;

namespace DataPlatform.Secrets;

/// <summary>The name of a secret in a store.</summary>
internal readonly record struct SecretReference(string Store, string Name)
{
    public override string ToString() => $"{Store}/{Name}";
}

/// <summary>A configuration value with placeholders <c>${secret://STORE/NAME}</c> in it; <c>$${secret://</c> stands for the text <c>${secret://</c>.</summary>
internal sealed class SecretTemplate
{
    private const string Open = "${secret://";

    private readonly List<(string Literal, SecretReference? Secret)> _parts;

    private SecretTemplate(List<(string Literal, SecretReference? Secret)> parts) => _parts = parts;

    public IEnumerable<SecretReference> References => _parts.Where(p => p.Secret is not null).Select(p => p.Secret!.Value);

    /// <summary>Reads a value; null when it holds no placeholder and no escape.</summary>
    /// <exception cref="FormatException">A placeholder is not written right.</exception>
    public static SecretTemplate? Parse(string value)
    {
        var open = value.IndexOf(Open, StringComparison.Ordinal);
        if (open < 0) return null;

        var parts = new List<(string, SecretReference?)>();
        var position = 0;
        for (; open >= 0; open = value.IndexOf(Open, position, StringComparison.Ordinal))
        {
            if (open > position && value[open - 1] == '$')
            {
                parts.Add((string.Concat(value.AsSpan(position, open - 1 - position), Open), null));
                position = open + Open.Length;
                continue;
            }

            var close = value.IndexOf('}', open);
            if (close < 0) throw new FormatException("a placeholder '${secret://' is not closed by '}'");
            parts.Add((value[position..open], ParseReference(value[(open + Open.Length)..close])));
            position = close + 1;
        }

        parts.Add((value[position..], null));
        return new SecretTemplate(parts);
    }

    /// <summary>The value with every placeholder replaced.</summary>
    public string Fill(IReadOnlyDictionary<SecretReference, string> secrets)
    {
        var filled = new StringBuilder();
        foreach (var (literal, secret) in _parts)
        {
            filled.Append(literal);
            if (secret is { } reference) filled.Append(secrets[reference]);
        }

        return filled.ToString();
    }

    private static SecretReference ParseReference(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && slash < text.Length - 1
            ? new SecretReference(text[..slash], text[(slash + 1)..])
            : throw new FormatException($"'${{secret://{text}}}' names no store and secret");
    }
}
