using System.Buffers;
using System.Buffers.Binary;
using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>The folders of a landing zone that rows of a load belong into, in the order in which they are first met.</summary>
internal sealed class PartitionIndex
{
    private readonly LandingZone _zone;
    private readonly DateOnly _ingestDate;
    private readonly int[] _columns;
    private readonly List<string> _folders = [];
    private readonly Dictionary<byte[], int> _places = new(Utf8Comparer.Instance);
    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> _lookup;
    private readonly ArrayBufferWriter<byte> _key = new();

    public PartitionIndex(LandingZone zone, Schema schema, DateOnly ingestDate)
    {
        (_zone, _ingestDate) = (zone, ingestDate);
        _columns = [.. zone.Options.PartitionColumns.Select(column => schema.GetFieldIndex(column))];
        _lookup = _places.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>The folder with a number.</summary>
    public string this[int folder] => _folders[folder];

    /// <summary>The number of the folder of a row.</summary>
    /// <exception cref="DataPlatformException">There are more folders than the zone lets a load have, or a value cannot be the name of one.</exception>
    public int Find(RecordBatch rows, int row)
    {
        _key.ResetWrittenCount();
        foreach (var column in _columns)
        {
            var values = rows.Column(column);
            var value = values.IsNull(row) ? default : RowHash.ValueOf(values, row);
            BinaryPrimitives.WriteInt32LittleEndian(_key.GetSpan(sizeof(int)), value.Length);
            _key.Advance(sizeof(int));
            _key.Write(value);
        }

        if (_lookup.TryGetValue(_key.WrittenSpan, out var place)) return place;
        _folders.Add(FolderOf(rows, row));
        if (_folders.Count > _zone.Options.MaxPartitions) throw TooMany();
        return _places[_key.WrittenSpan.ToArray()] = _folders.Count - 1;
    }

    private string FolderOf(RecordBatch rows, int row) => _zone.FolderOf(_ingestDate, column =>
    {
        var place = rows.Schema.GetFieldIndex(column);
        return HivePartition.FolderOf(rows.Schema.GetFieldByIndex(place), rows.Column(place), row);
    });

    private DataPlatformException TooMany() => new(
        FailureClass.Data,
        $"{_zone.Description} is partitioned by {string.Join(", ", _zone.Options.PartitionColumns)}, of which the load has more than {_zone.Options.MaxPartitions} different values: {string.Join(", ", _folders.Take(3).Select(folder => folder.TrimEnd('/')))}, …",
        $"Each is a folder and a file. Partition by what has fewer values, or allow more: new {nameof(LandingOptions)} {{ {nameof(LandingOptions.MaxPartitions)} = … }}.");
}
