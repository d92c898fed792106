using System.Text;
using System.Text.Json;

namespace DataPlatform.Ingestion;

/// <summary>One key of an object.</summary>
/// <param name="Name">The key as it is written.</param>
/// <param name="Column">The column that its values are for, or <see cref="JsonColumns.None"/>.</param>
/// <param name="Within">What is in it when it is an object that is taken apart, or null.</param>
internal sealed record JsonKey(byte[] Name, int Column, JsonKeys? Within);

/// <summary>The columns that values in JSON objects are for.</summary>
internal sealed class JsonColumns
{
    public const int None = -1;

    // Objects that are used as dictionaries have keys without end.
    private const int MaxKnownKeys = 4096;

    private readonly Dictionary<string, int> _columnOf = new(StringComparer.Ordinal);
    private readonly HashSet<string> _holders = new(StringComparer.Ordinal);
    private readonly int _maxNesting;
    private int _known;

    public JsonColumns(IReadOnlyList<ContractColumn> columns, int maxNesting)
    {
        _maxNesting = maxNesting;
        for (var i = 0; i < columns.Count; i++)
        {
            var name = columns[i].SourceName;
            _columnOf[ColumnName.Normalize(name)] = i;
            for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = name.IndexOf('.', dot + 1)) _holders.Add(ColumnName.Normalize(name[..dot]));
        }

        Root = new JsonKeys(this, "", 0);
    }

    /// <summary>The keys of a row.</summary>
    public JsonKeys Root { get; }

    /// <summary>Keys that no column is for.</summary>
    public SortedSet<string> Ignored { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether there was a key that a column is for.</summary>
    public bool AnyKnown { get; private set; }

    /// <summary>Whether a further key may be remembered.</summary>
    public bool TryRemember() => _known < MaxKnownKeys && ++_known > 0;

    public JsonKey Resolve(string path, int level, byte[] name)
    {
        var normalized = ColumnName.Normalize(path);
        var column = _columnOf.GetValueOrDefault(normalized, None);
        AnyKnown |= column != None;
        var within = level <= _maxNesting || _holders.Contains(normalized) ? new JsonKeys(this, $"{path}.", level) : null;
        if (column == None && within is null && Ignored.Count < MaxKnownKeys) Ignored.Add(path);
        return new JsonKey(name, column, within);
    }
}

/// <summary>The keys that objects at one place of a row have.</summary>
/// <param name="columns">What they are for.</param>
/// <param name="prefix">The path to them.</param>
/// <param name="level">How many objects they are in, below the row's.</param>
internal sealed class JsonKeys(JsonColumns columns, string prefix, int level)
{
    private readonly Dictionary<byte[], JsonKey>.AlternateLookup<ReadOnlySpan<byte>> _byName =
        new Dictionary<byte[], JsonKey>(Utf8Comparer.Instance).GetAlternateLookup<ReadOnlySpan<byte>>();

    private readonly List<JsonKey> _last = [];

    /// <summary>The key at which the reader is. Most objects have the same keys in the same order as the one before.</summary>
    public JsonKey Find(ref Utf8JsonReader reader, int place)
    {
        if (reader.ValueIsEscaped) return columns.Resolve(prefix + reader.GetString(), level + 1, []);
        if (place < _last.Count && reader.ValueSpan.SequenceEqual(_last[place].Name)) return _last[place];
        if (!_byName.TryGetValue(reader.ValueSpan, out var key))
        {
            key = columns.Resolve(prefix + Encoding.UTF8.GetString(reader.ValueSpan), level + 1, reader.ValueSpan.ToArray());
            if (columns.TryRemember()) _byName[reader.ValueSpan] = key;
        }

        if (place < _last.Count) _last[place] = key;
        else _last.Add(key);
        return key;
    }
}
