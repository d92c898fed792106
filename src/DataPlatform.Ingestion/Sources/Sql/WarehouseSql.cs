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
        await foreach (var read in warehouse.ReadAsync(sql, parameters, batch.BatchBytes, cancellationToken).ConfigureAwait(false))
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

        public override bool TrySet(int place, ColumnBuilder column, int row) => TrySet(_batch!.Column(place), _batch.Schema.GetFieldByIndex(place), _row, column, row);

        public override object? ValueOf(int place) => ValueOf(_batch!.Column(place), _row);

        private static bool TrySet(IArrowArray array, Field field, int index, ColumnBuilder column, int row) => array switch
        {
            _ when array.IsNull(index) => column.TrySetNull(row),
            BooleanArray values => column.SetBoolean(row, values.GetValue(index)!.Value),
            Int16Array values => column.SetInt64(row, values.Values[index]),
            Int32Array values => column.SetInt64(row, values.Values[index]),
            Int64Array values => column.SetInt64(row, values.Values[index]),
            FloatArray values => column.SetDouble(row, values.Values[index]),
            DoubleArray values => column.SetDouble(row, values.Values[index]),
            Decimal128Array values => column.SetDecimal(row, Unscaled(values, index), values.Scale),
            Date32Array values => column.SetDate(row, values.Values[index]),
            Time64Array values => column.SetTime(row, values.Values[index]),
            TimestampArray values => column.SetTimestamp(row, values.Values[index]),
            FixedSizeBinaryArray values => column.SetUuid(row, new Guid(values.GetBytes(index), bigEndian: true)),
            StringArray values when column.Accepts(ValueKind.Json) && ColumnTypes.IsJson(field) => column.SetJson(row, values.GetBytes(index)),
            StringArray values => !values.GetBytes(index).Contains((byte)0) && column.TryParse(row, values.GetBytes(index)),
            BinaryArray values => column.SetBinary(row, values.GetBytes(index)),
            ListArray values => column is ListColumnBuilder list && TrySetList(values, ColumnTypes.ElementOf(field)!, index, list, row),
            var other => throw new InvalidOperationException($"A warehouse gave a column of {other.Data.DataType.Name}."),
        };

        private static bool TrySetList(ListArray lists, Field element, int index, ListColumnBuilder column, int row)
        {
            column.BeginList(row);
            for (var i = lists.ValueOffsets[index]; i < lists.ValueOffsets[index + 1]; i++)
            {
                if (!TrySet(lists.Values, element, i, column.Element, column.NextElement())) return column.RefuseElement(ClrValueText.Of(ValueOf(lists.Values, i)));
            }

            return column.EndList();
        }

        private static object? ValueOf(IArrowArray array, int index) => array switch
        {
            _ when array.IsNull(index) => null,
            BooleanArray values => values.GetValue(index),
            Int16Array values => values.Values[index],
            Int32Array values => values.Values[index],
            Int64Array values => values.Values[index],
            FloatArray values => values.Values[index],
            DoubleArray values => values.Values[index],
            Decimal128Array values => Decimal(Unscaled(values, index), values.Scale),
            Date32Array values => ColumnTime.ToDate(values.Values[index]),
            Time64Array values => new TimeOnly(values.Values[index] * TimeSpan.TicksPerMicrosecond),
            TimestampArray { Data.DataType: TimestampType { Timezone: null } } values => ColumnTime.ToDateTime(values.Values[index], DateTimeKind.Unspecified),
            TimestampArray values => new DateTimeOffset(ColumnTime.ToDateTime(values.Values[index], DateTimeKind.Utc)),
            FixedSizeBinaryArray values => new Guid(values.GetBytes(index), bigEndian: true),
            StringArray values => Encoding.UTF8.GetString(values.GetBytes(index)),
            BinaryArray values => values.GetBytes(index).ToArray(),
            ListArray values => Enumerable.Range(values.ValueOffsets[index], values.GetValueLength(index)).Select(i => ValueOf(values.Values, i)).ToArray(),
            _ => null,
        };

        private static Int128 Unscaled(Decimal128Array values, int index) => MemoryMarshal.Cast<byte, Int128>(values.ValueBuffer.Span)[values.Offset + index];

        private static string Decimal(Int128 unscaled, int scale)
        {
            var digits = Int128.Abs(unscaled).ToString(System.Globalization.CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
            var sign = Int128.IsNegative(unscaled) ? "-" : "";
            return scale == 0 ? sign + digits : $"{sign}{digits.AsSpan(0, digits.Length - scale)}.{digits.AsSpan(digits.Length - scale)}";
        }
    }
}
