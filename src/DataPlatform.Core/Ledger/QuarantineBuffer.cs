using System.Runtime.CompilerServices;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace DataPlatform.Ledger;

/// <summary>
/// Rejected rows of one load, until it is known whether it commits: in memory up to <see cref="BatchBytes"/>, beyond that in a scratch
/// file that goes with the process.
/// </summary>
internal sealed class QuarantineBuffer(long loadId, string pipeline, string step, string table) : IAsyncDisposable
{
    private const int BatchBytes = 4 << 20;

    public static Schema Schema { get; } = new Schema.Builder()
        .Field(new Field("load_id", Int64Type.Default, false))
        .Field(new Field("pipeline", StringType.Default, false))
        .Field(new Field("step", StringType.Default, false))
        .Field(new Field("table_name", StringType.Default, false))
        .Field(new Field("source", StringType.Default, false))
        .Field(new Field("position", Int64Type.Default, false))
        .Field(new Field("raw", StringType.Default, false))
        .Field(new Field("column_name", StringType.Default, true))
        .Field(new Field("reason", StringType.Default, false))
        .Field(new Field("contract_version", StringType.Default, true))
        .Field(new Field("field_names", StringType.Default, true))
        .Field(new Field("is_exact", BooleanType.Default, false))
        .Field(new Field("replayed_by", Int64Type.Default, true))
        .Build();

    private readonly List<RejectedRow> _rows = [];
    private long _bytes;
    private FileStream? _file;
    private ArrowStreamWriter? _writer;
    private (IReadOnlyList<string>? Names, string? Json) _fieldNames;

    public bool IsEmpty => Count == 0;

    public long Count { get; private set; }

    public void Add(in RejectedRow row)
    {
        _rows.Add(row);
        _bytes += 64 + (2L * (row.Raw.Length + row.Reason.Length));
        Count++;
        if (_bytes >= BatchBytes) Spill();
    }

    /// <summary>All rows in the order they were added. May be read more than once.</summary>
    public async IAsyncEnumerable<RecordBatch> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_file is not null)
        {
            var end = _file.Position;
            _file.Position = 0;
            using (var reader = new ArrowStreamReader(_file, leaveOpen: true))
            {
                while (_file.Position < end && await reader.ReadNextRecordBatchAsync(cancellationToken).ConfigureAwait(false) is { } batch)
                {
                    using (batch) yield return batch;
                }
            }

            _file.Position = end;
        }

        if (_rows.Count > 0)
        {
            using var last = ToBatch();
            yield return last;
        }
    }

    private void Spill()
    {
        _file ??= new FileStream(
            Path.Combine(Path.GetTempPath(), $"dataplatform-quarantine-{Guid.NewGuid():N}.arrows"),
            new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose });
        _writer ??= new ArrowStreamWriter(_file, Schema, leaveOpen: true);
        using var batch = ToBatch();
        _writer.WriteRecordBatch(batch);
        _rows.Clear();
        _bytes = 0;
    }

    private RecordBatch ToBatch()
    {
        var loads = new Int64Array.Builder().Reserve(_rows.Count);
        var positions = new Int64Array.Builder().Reserve(_rows.Count);
        StringArray.Builder Text() => new StringArray.Builder().Reserve(_rows.Count);
        var (pipelines, steps, tables, sources, raws, columns, reasons, contracts, names) = (Text(), Text(), Text(), Text(), Text(), Text(), Text(), Text(), Text());
        var exact = new BooleanArray.Builder().Reserve(_rows.Count);
        var replayedBy = new Int64Array.Builder().Reserve(_rows.Count);
        foreach (var row in _rows)
        {
            loads.Append(loadId);
            pipelines.Append(pipeline);
            steps.Append(step);
            tables.Append(table);
            sources.Append(row.Source);
            positions.Append(row.Position);
            raws.Append(Storable(row.Raw));
            columns.Append(row.Column);
            reasons.Append(Storable(row.Reason));
            contracts.Append(row.ContractVersion);
            names.Append(ToJson(row.FieldNames));
            exact.Append(row.IsExact && !row.Raw.Contains('\0', StringComparison.Ordinal));
            replayedBy.AppendNull();
        }

        return new RecordBatch(
            Schema,
            [
                loads.Build(), pipelines.Build(), steps.Build(), tables.Build(), sources.Build(), positions.Build(), raws.Build(), columns.Build(),
                reasons.Build(), contracts.Build(), names.Build(), exact.Build(), replayedBy.Build(),
            ],
            _rows.Count);
    }

    // The rows of a file share their names.
    private string? ToJson(IReadOnlyList<string>? names)
    {
        if (names is not null && !ReferenceEquals(names, _fieldNames.Names)) _fieldNames = (names, Storable(JsonSerializer.Serialize([.. names], LedgerJson.Default.StringArray)));
        return names is null ? null : _fieldNames.Json;
    }

    // PostgreSQL cannot store U+0000 in text; a row rejected for having one must still be kept.
    private static string Storable(string text) => text.Replace('\0', '\u2400');

    public async ValueTask DisposeAsync()
    {
        _writer?.Dispose();
        if (_file is not null) await _file.DisposeAsync().ConfigureAwait(false);
    }
}
