using System.Buffers;
using System.Text;

namespace DataPlatform.Secrets;

/// <summary>Keeps secrets out of what is printed or stored for people.</summary>
internal interface ISecretMasker
{
    /// <summary>The text with <c>***</c> in place of every known secret, whether as it is, JSON-escaped, URL-encoded, quoted or in base64.</summary>
    string Mask(string text);
}

/// <summary>Masks the values it was told of. Costs nothing while there are none.</summary>
internal sealed class SecretMasker : ISecretMasker
{
    /// <summary>Shorter values are not masked: they turn up in words and numbers everywhere.</summary>
    public const int MinimumLength = 4;

    private const string Replacement = "***";

    private readonly Lock _gate = new();
    private readonly HashSet<string> _forms = new(StringComparer.Ordinal);
    private volatile Needles? _needles;

    /// <summary>Masks these values from now on, in all their forms.</summary>
    public void Add(IEnumerable<string> values)
    {
        lock (_gate)
        {
            var before = _forms.Count;
            foreach (var form in values.SelectMany(SecretForms.Of).Where(f => f.Length >= MinimumLength)) _forms.Add(form);
            if (_forms.Count > before) _needles = new Needles(_forms);
        }
    }

    public string Mask(string text) => _needles?.Replace(text) ?? text;

    private sealed class Needles(IReadOnlyCollection<string> forms)
    {
        private readonly SearchValues<string> _any = SearchValues.Create([.. forms], StringComparison.Ordinal);
        private readonly string[] _longestFirst = [.. forms.OrderByDescending(f => f.Length)];

        public string Replace(string text)
        {
            var next = text.AsSpan().IndexOfAny(_any);
            if (next < 0) return text;

            var masked = new StringBuilder(text.Length);
            var copied = 0;
            while (next >= 0)
            {
                var end = EndOfOverlapping(text, next);
                masked.Append(text, copied, next - copied).Append(Replacement);
                copied = end;
                next = text.AsSpan(end).IndexOfAny(_any) is var found and >= 0 ? end + found : -1;
            }

            return masked.Append(text, copied, text.Length - copied).ToString();
        }

        // A secret may begin within another one; then both are hidden by one mask, lest the rest of the second remain.
        private int EndOfOverlapping(string text, int start)
        {
            var end = start;
            for (var next = start; next >= 0 && next <= end;)
            {
                end = Math.Max(end, next + LengthAt(text, next));
                var window = text.AsSpan()[(next + 1)..Math.Min(text.Length, end + _longestFirst[0].Length)];
                next = window.IndexOfAny(_any) is var found and >= 0 ? next + 1 + found : -1;
            }

            return end;
        }

        private int LengthAt(string text, int start) =>
            _longestFirst.First(form => text.AsSpan(start).StartsWith(form, StringComparison.Ordinal)).Length;
    }
}
