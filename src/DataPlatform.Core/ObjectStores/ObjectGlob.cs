using System.Text;
using System.Text.RegularExpressions;

namespace DataPlatform.ObjectStores;

/// <summary>
/// A pattern for keys. <c>*</c> matches any characters within a segment, <c>?</c> one character of a segment, <c>**</c> any characters and
/// also <c>/</c> (<c>a/**/b</c> matches <c>a/b</c> too), <c>{a,b}</c> either pattern. <c>\</c> takes the next character as it is. Case matters.
/// </summary>
public sealed class ObjectGlob
{
    private readonly string _glob;
    private readonly Regex _regex;

    private ObjectGlob(string glob, string literalPrefix, Regex regex) => (_glob, LiteralPrefix, _regex) = (glob, literalPrefix, regex);

    /// <summary>What all matching keys begin with: the part before the first wildcard. Stores list only what begins with it.</summary>
    public string LiteralPrefix { get; }

    /// <summary>Whether all matching keys are directly in the folder that <see cref="LiteralPrefix"/> leads to, and none in a folder below.</summary>
    internal bool StaysInFolder { get; private init; }

    /// <summary>Whether the key matches.</summary>
    public bool IsMatch(string key) => _regex.IsMatch(key);

    /// <summary>The pattern as it was written.</summary>
    public override string ToString() => _glob;

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="ObjectStoreException"><see cref="FailureClass.Configuration"/>: it cannot be read, or begins with <c>/</c> or <c>../</c>, as no key does.</exception>
    public static ObjectGlob Parse(string glob)
    {
        ArgumentException.ThrowIfNullOrEmpty(glob);
        var read = new Reader(glob).Read();
        foreach (var segment in read.LiteralPrefix.Split('/')[..^1])
        {
            if (segment is "") throw Invalid(glob, "no key begins with '/' or holds '//'");
            if (segment is "." or "..") throw Invalid(glob, $"no key has the segment '{segment}'");
        }

        return read;
    }

    private static ObjectStoreException Invalid(string glob, string fault) => new(
        FailureClass.Configuration, $"'{glob}' is not a pattern for keys: {fault}.", "Write patterns like inbox/trips-*.csv or inbox/**/*.{csv,csv.gz}.");

    // Translates the glob into a regular expression that is matched in time linear in the key.
    private sealed class Reader(string glob)
    {
        private readonly StringBuilder _regex = new(@"\A");
        private readonly StringBuilder _prefix = new();
        private readonly Stack<bool> _alternatives = new();
        private int _position;
        private bool _wildcardSeen;
        private bool _crossesFolders;
        private bool _atSegmentStart = true;

        public ObjectGlob Read()
        {
            while (_position < glob.Length) ReadNext(glob[_position++]);
            if (_alternatives.Count > 0) throw Invalid(glob, "a '{' is not closed");
            var regex = new Regex(
                _regex.Append(@"\z").ToString(), RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.CultureInvariant);
            return new ObjectGlob(glob, _prefix.ToString(), regex) { StaysInFolder = !_crossesFolders };
        }

        private void ReadNext(char c)
        {
            switch (c)
            {
                case '*' when Skip('*'):
                    while (Skip('*')) { }

                    _crossesFolders = true;
                    if (_atSegmentStart && Skip('/')) Wildcard("(?:[^/]+/)*", atSegmentStart: true);
                    else Wildcard(".*");
                    break;
                case '*':
                    Wildcard("[^/]*");
                    break;
                case '?':
                    Wildcard(@"(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|[^/\uD800-\uDFFF])");
                    break;
                case '{':
                    _alternatives.Push(_atSegmentStart);
                    Wildcard("(?:", _atSegmentStart);
                    break;
                case ',' when _alternatives.Count > 0:
                    Wildcard("|", _alternatives.Peek());
                    break;
                case '}' when _alternatives.Count > 0:
                    _alternatives.Pop();
                    Wildcard(")");
                    break;
                case '}':
                    throw Invalid(glob, "a '}' has no '{' before it");
                case '\\' when _position < glob.Length:
                    Literal(glob[_position++]);
                    break;
                case '\\':
                    throw Invalid(glob, @"nothing follows its last '\'");
                default:
                    Literal(c);
                    break;
            }
        }

        private bool Skip(char c)
        {
            if (_position >= glob.Length || glob[_position] != c) return false;
            _position++;
            return true;
        }

        private void Wildcard(string regex, bool atSegmentStart = false)
        {
            _wildcardSeen = true;
            _regex.Append(regex);
            _atSegmentStart = atSegmentStart;
        }

        private void Literal(char c)
        {
            if (_wildcardSeen) _crossesFolders |= c == '/';
            else _prefix.Append(c);
            _regex.Append(Regex.Escape(c.ToString()));
            _atSegmentStart = c == '/';
        }
    }
}
