using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Arrays;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Reads from a warehouse, by the fastest way it has.</summary>
internal sealed class WarehouseSql(IWarehouse warehouse) : ISqlConnection
{
    public string Parameter(int number) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"${number}");

    public async Task<Schema> DescribeAsync(string sql, CancellationToken cancellationToken)
    {
        Schema? schema = null;
        await foreach (var batch in warehouse.ReadAsync(sql, null, cancellationToken).ConfigureAwait(false))
        {
            using (batch) schema ??= batch.Schema;
        }

        return schema!;
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(
        string sql, IReadOnlyList<object> parameters, SqlColumns columns, BatchBuilder batch, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var row = new ArrowRow();
        await foreach (var read in warehouse.ReadAsync(sql, parameters, cancellationToken).ConfigureAwait(false))
        {
            if (read.Length > 0 && columns.TryPass(read) is { } passed)
            {
                if (!batch.IsEmpty) yield return batch.Take();
                yield return new SourceBatch(passed);
                continue;
            }

            using (read)
            {
                for (row.Begin(read); row.Next();)
                {
                    columns.Add(batch, row);
                    if (batch.IsFull) yield return batch.Take();
                }
            }
        }

        if (!batch.IsEmpty) yield return batch.Take();
    }

    public Task CheckAsync(CancellationToken cancellationToken) => DescribeAsync("SELECT 1 AS n", cancellationToken);

    private sealed class ArrowRow : SqlRow
    {
        private RecordBatch? _batch;
        private int _row;

        public void Begin(RecordBatch batch) => (_batch, _row) = (batch, -1);

        public bool Next() => ++_row < _batch!.Length;

        public override bool TrySet(int place, ColumnBuilder column, int row) => _batch!.Column(place) switch
        {
            var array when array.IsNull(_row) => column.TrySetNull(row),
            BooleanArray values => column.SetBoolean(row, values.GetValue(_row)!.Value),
            Int16Array values => column.SetInt64(row, values.Values[_row]),
            Int32Array values => column.SetInt64(row, values.Values[_row]),
            Int64Array values => column.SetInt64(row, values.Values[_row]),
            FloatArray values => column.SetDouble(row, values.Values[_row]),
            DoubleArray values => column.SetDouble(row, values.Values[_row]),
            Decimal128Array values => column.SetDecimal(row, Unscaled(values), values.Scale),
            Date32Array values => column.SetDate(row, values.Values[_row]),
            Time64Array values => column.SetTime(row, values.Values[_row]),
            TimestampArray values => column.SetTimestamp(row, values.Values[_row]),
            FixedSizeBinaryArray values => column.SetUuid(row, new Guid(values.GetBytes(_row), bigEndian: true)),
            StringArray values when column.Accepts(ValueKind.Json) && ColumnTypes.IsJson(_batch.Schema.GetFieldByIndex(place)) => column.SetJson(row, values.GetBytes(_row)),
            StringArray values => !values.GetBytes(_row).Contains((byte)0) && column.TryParse(row, values.GetBytes(_row)),
            BinaryArray values => column.SetBinary(row, values.GetBytes(_row)),
            var other => throw new InvalidOperationException($"A warehouse gave a column of {other.Data.DataType.Name}."),
        };

        public override object? ValueOf(int place) => _batch!.Column(place) switch
        {
            var array when array.IsNull(_row) => null,
            BooleanArray values => values.GetValue(_row),
            Int16Array values => values.Values[_row],
            Int32Array values => values.Values[_row],
            Int64Array values => values.Values[_row],
            FloatArray values => values.Values[_row],
            DoubleArray values => values.Values[_row],
            Decimal128Array values => Decimal(Unscaled(values), values.Scale),
            Date32Array values => ColumnTime.ToDate(values.Values[_row]),
            Time64Array values => new TimeOnly(values.Values[_row] * TimeSpan.TicksPerMicrosecond),
            TimestampArray { Data.DataType: TimestampType { Timezone: null } } values => ColumnTime.ToDateTime(values.Values[_row], DateTimeKind.Unspecified),
            TimestampArray values => new DateTimeOffset(ColumnTime.ToDateTime(values.Values[_row], DateTimeKind.Utc)),
            FixedSizeBinaryArray values => new Guid(values.GetBytes(_row), bigEndian: true),
            StringArray values => Encoding.UTF8.GetString(values.GetBytes(_row)),
            BinaryArray values => values.GetBytes(_row).ToArray(),
            _ => null,
        };

        private Int128 Unscaled(Decimal128Array values) => MemoryMarshal.Cast<byte, Int128>(values.ValueBuffer.Span)[values.Offset + _row];

        private static string Decimal(Int128 unscaled, int scale)
        {
            var digits = Int128.Abs(unscaled).ToString(System.Globalization.CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
            var sign = Int128.IsNegative(unscaled) ? "-" : "";
            return scale == 0 ? sign + digits : $"{sign}{digits.AsSpan(0, digits.Length - scale)}.{digits.AsSpan(digits.Length - scale)}";
        }
    }
}
