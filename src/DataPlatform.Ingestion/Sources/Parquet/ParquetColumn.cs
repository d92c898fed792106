using System.Buffers;
using System.Globalization;
using System.Text;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;
using Parquet;
using Parquet.Data;
using Parquet.Schema;
using ArrowField = Apache.Arrow.Field;
using ConvertedType = Parquet.Meta.ConvertedType;

namespace DataPlatform.Ingestion;

/// <summary>A column of the row group that is being read, and the builder its values go to.</summary>
internal abstract class ParquetColumn(string name, ColumnBuilder builder) : IDisposable
{
    /// <summary>Its name in the file.</summary>
    public string Name { get; } = name;

    public ColumnBuilder Builder { get; } = builder;

    /// <summary>The current row's value, for people.</summary>
    public abstract object? Value { get; }

    /// <summary>The column for a field, or null when the builder cannot take its values.</summary>
    public static ParquetColumn? Create(Field field, ColumnBuilder builder)
    {
        if (field is not DataField { IsArray: false } data || KindOf(data) is not { } kind || !builder.Accepts(kind)) return null;
        var type = data.ClrType;
        return type == typeof(bool) ? new ParquetColumn<bool>(data, builder, (b, row, v) => b.SetBoolean(row, v))
            : type == typeof(sbyte) ? new ParquetColumn<sbyte>(data, builder, (b, row, v) => b.SetInt64(row, v))
            : type == typeof(byte) ? new ParquetColumn<byte>(data, builder, (b, row, v) => b.SetInt64(row, v))
            : type == typeof(short) ? new ParquetColumn<short>(data, builder, (b, row, v) => b.SetInt64(row, v))
            : type == typeof(ushort) ? new ParquetColumn<ushort>(data, builder, (b, row, v) => b.SetInt64(row, v))
            : type == typeof(int) ? CreateForInt32(data, builder)
            : type == typeof(uint) ? new ParquetColumn<uint>(data, builder, (b, row, v) => b.SetInt64(row, v))
            : type == typeof(long) ? CreateForInt64(data, builder)
            : type == typeof(ulong) ? new ParquetColumn<ulong>(data, builder, (b, row, v) => b.SetDecimal(row, v, 0))
            : type == typeof(float) ? new ParquetColumn<float>(data, builder, (b, row, v) => b.SetDouble(row, v))
            : type == typeof(double) ? new ParquetColumn<double>(data, builder, (b, row, v) => b.SetDouble(row, v))
            : type == typeof(decimal) ? new ParquetColumn<decimal>(data, builder, SetDecimal)
            : type == typeof(BigDecimal) ? new ParquetColumn<BigDecimal>(data, builder, SetBigDecimal)
            : type == typeof(DateOnly) ? new ParquetColumn<DateOnly>(data, builder, (b, row, v) => b.SetDate(row, ColumnTime.DaysOf(v)))
            : type == typeof(DateTime) ? new ParquetColumn<DateTime>(data, builder, (b, row, v) => b.SetTimestamp(row, ColumnTime.MicrosOf(v)))
            : type == typeof(Guid) ? new ParquetColumn<Guid>(data, builder, (b, row, v) => b.SetUuid(row, v))
            : type == typeof(ReadOnlyMemory<char>) ? new ParquetColumn<ReadOnlyMemory<char>>(data, builder, (b, row, v) => b.SetText(row, v.Span))
            : type == typeof(ReadOnlyMemory<byte>) && kind == ValueKind.Json ? new ParquetColumn<ReadOnlyMemory<byte>>(data, builder, (b, row, v) => b.SetText(row, Encoding.UTF8.GetString(v.Span)))
            : type == typeof(ReadOnlyMemory<byte>) ? new ParquetColumn<ReadOnlyMemory<byte>>(data, builder, (b, row, v) => b.SetBinary(row, v.Span))
            : null;
    }

    /// <summary>The column that a field is in a warehouse, or null when it can be none.</summary>
    public static ArrowField? ToArrow(DataField field)
    {
        if (field.IsArray || KindOf(field) is not { } kind) return null;
        var type = field.ClrType;
        return kind switch
        {
            ValueKind.Uuid => ColumnTypes.Uuid(field.Name),
            ValueKind.Json => ColumnTypes.Json(field.Name),
            _ => new ArrowField(field.Name, ToArrow(kind, type, field), nullable: true),
        };
    }

    /// <summary>Reads the column of a row group.</summary>
    public abstract ValueTask LoadAsync(ParquetRowGroupReader group, int rows, CancellationToken cancellationToken);

    /// <summary>Goes on to the next row.</summary>
    public abstract void Advance();

    /// <summary>Gives the current row's value to the builder.</summary>
    public abstract bool TrySet(int row);

    /// <summary>Lets the builder have NULL in place of a value it cannot read, when the contract says so.</summary>
    public bool TryDiscard(int row) => Value is { } value && Builder.TryDiscard(row, Encoding.UTF8.GetBytes(Show(value)));

    /// <summary>Why the builder refused the current row's value.</summary>
    public string Explain() => Builder.Explain(Encoding.UTF8.GetBytes(Value is null ? "" : Show(Value)), isNull: Value is null);

    public abstract void Dispose();

    private static ArrowType ToArrow(ValueKind kind, System.Type type, DataField field) => kind switch
    {
        ValueKind.Integer when type == typeof(long) || type == typeof(uint) => Int64Type.Default,
        ValueKind.Integer when type == typeof(int) || type == typeof(ushort) => Int32Type.Default,
        ValueKind.Integer => Int16Type.Default,
        ValueKind.Float when type == typeof(float) => FloatType.Default,
        ValueKind.Float => DoubleType.Default,
        ValueKind.Decimal when field is DecimalDataField number => new Decimal128Type(number.Precision, number.Scale),
        ValueKind.Decimal => new Decimal128Type(20, 0),
        ValueKind.Boolean => BooleanType.Default,
        ValueKind.Date => Date32Type.Default,
        ValueKind.Time => ColumnTypes.Time,
        ValueKind.Timestamp when field is DateTimeDataField { IsAdjustedToUTC: true, DateTimeFormat: not DateTimeFormat.Impala } => ColumnTypes.TimestampUtc,
        ValueKind.Timestamp => ColumnTypes.Timestamp,
        ValueKind.Text => StringType.Default,
        _ => BinaryType.Default,
    };

    private static ValueKind? KindOf(DataField field)
    {
        var type = field.ClrType;
        if (field is TimeDataField) return ValueKind.Time;
        if (type == typeof(ReadOnlyMemory<byte>)) return field.SchemaElement is { LogicalType.JSON: not null } or { ConvertedType: ConvertedType.JSON } ? ValueKind.Json : ValueKind.Binary;
        return type == typeof(bool) ? ValueKind.Boolean
            : type == typeof(ulong) || type == typeof(decimal) || type == typeof(BigDecimal) ? ValueKind.Decimal
            : type == typeof(float) || type == typeof(double) ? ValueKind.Float
            : type == typeof(DateOnly) ? ValueKind.Date
            : type == typeof(DateTime) ? ValueKind.Timestamp
            : type == typeof(Guid) ? ValueKind.Uuid
            : type == typeof(ReadOnlyMemory<char>) ? ValueKind.Text
            : System.Type.GetTypeCode(type) is >= TypeCode.SByte and <= TypeCode.UInt64 ? ValueKind.Integer
            : null;
    }

    private static ParquetColumn<int> CreateForInt32(DataField field, ColumnBuilder builder) => field is TimeDataField
        ? new ParquetColumn<int>(field, builder, (b, row, millis) => b.SetTime(row, millis * 1000L))
        : new ParquetColumn<int>(field, builder, (b, row, v) => b.SetInt64(row, v));

    private static ParquetColumn<long> CreateForInt64(DataField field, ColumnBuilder builder) => field switch
    {
        TimeDataField { Precision: TimeUnitPrecision.Nanos } => new ParquetColumn<long>(field, builder, (b, row, nanos) => b.SetTime(row, nanos / 1000)),
        TimeDataField => new ParquetColumn<long>(field, builder, (b, row, micros) => b.SetTime(row, micros)),
        _ => new ParquetColumn<long>(field, builder, (b, row, v) => b.SetInt64(row, v)),
    };

    private static bool SetDecimal(ColumnBuilder builder, int row, decimal value)
    {
        var (unscaled, scale) = DecimalParts.Of(value);
        return builder.SetDecimal(row, unscaled, scale);
    }

    private static bool SetBigDecimal(ColumnBuilder builder, int row, BigDecimal value) => builder.SetDecimal(row, (Int128)value.UnscaledValue, value.Scale);

    private static string Show(object value) => value switch
    {
        DateTime time => time.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFF", CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("O", CultureInfo.InvariantCulture),
        byte[] bytes => Convert.ToBase64String(bytes),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}

/// <summary>A column that the file has.</summary>
/// <typeparam name="T">What the library gives its values as.</typeparam>
internal sealed class ParquetColumn<T>(DataField field, ColumnBuilder builder, Func<ColumnBuilder, int, T, bool> set) : ParquetColumn(field.Name, builder) where T : struct
{
    private T[] _values = [];
    private int[] _definitionLevels = [];
    private int _row, _next, _current;

    public override object? Value => _current < 0 ? null : _values[_current] switch
    {
        ReadOnlyMemory<char> text => text.ToString(),
        ReadOnlyMemory<byte> bytes => bytes.ToArray(),
        BigDecimal number => number.ToString(),
        var value => value,
    };

    public override async ValueTask LoadAsync(ParquetRowGroupReader group, int rows, CancellationToken cancellationToken)
    {
        Dispose();
        _values = ArrayPool<T>.Shared.Rent(rows);
        _definitionLevels = field.MaxDefinitionLevel == 0 ? [] : ArrayPool<int>.Shared.Rent(rows);
        _row = _next = 0;
        // Without the cast null would become an empty memory, by way of a null array.
        var levels = field.MaxDefinitionLevel == 0 ? (Memory<int>?)null : _definitionLevels.AsMemory(0, rows);
        await group.ReadRawAsync(field, _values.AsMemory(0, rows), levels, null, cancellationToken).ConfigureAwait(false);
    }

    public override void Advance() =>
        _current = _definitionLevels.Length == 0 || _definitionLevels[_row++] == field.MaxDefinitionLevel ? _next++ : -1;

    public override bool TrySet(int row) => _current < 0 ? Builder.TrySetNull(row) : set(Builder, row, _values[_current]);

    public override void Dispose()
    {
        if (_values.Length > 0) ArrayPool<T>.Shared.Return(_values, clearArray: !typeof(T).IsPrimitive);
        if (_definitionLevels.Length > 0) ArrayPool<int>.Shared.Return(_definitionLevels);
        _values = [];
        _definitionLevels = [];
    }
}

/// <summary>A column of the contract that the file does not have.</summary>
internal sealed class AbsentParquetColumn(ColumnBuilder builder) : ParquetColumn(builder.Column.Name, builder)
{
    public override object? Value => null;

    public override ValueTask LoadAsync(ParquetRowGroupReader group, int rows, CancellationToken cancellationToken) => default;

    public override void Advance()
    {
    }

    public override bool TrySet(int row) => Builder.TrySetNull(row);

    public override void Dispose()
    {
    }
}
