using System.Buffers;
using System.Numerics;
using System.Text;
using System.Text.Unicode;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;
using Parquet;
using Parquet.Schema;
using ArrowField = Apache.Arrow.Field;
using ConvertedType = Parquet.Meta.ConvertedType;
using PhysicalType = Parquet.Meta.Type;

namespace DataPlatform.Ingestion;

/// <summary>A column of the row group that is being read, and the builder its values go to.</summary>
internal abstract class ParquetColumn(string name, ColumnBuilder builder) : IDisposable
{
    private const int MinDays = -719_162, MaxDays = 2_932_896;
    private const long MicrosADay = 86_400_000_000;

    /// <summary>Its name in the file.</summary>
    public string Name { get; } = name;

    public ColumnBuilder Builder { get; } = builder;

    /// <summary>The current row's value, for people.</summary>
    public abstract object? Value { get; }

    /// <summary>The column for a field, or null when the builder cannot take its values.</summary>
    public static ParquetColumn? Create(Field field, ColumnBuilder builder)
    {
        if (ElementOf(field) is not { } element) return field is DataField data ? CreateScalar(data, builder) : null;
        if (builder is not ListColumnBuilder list)
        {
            if (builder is not AbsentColumnBuilder || ToArrow(element) is not { } type) return null;
            list = new ListColumnBuilder(new ContractColumn(ColumnTypes.List(field.Name, type)));
        }

        return CreateScalar(element, list.Element) is { } elements ? new ParquetListColumn(field, element, elements, builder, list) : null;
    }

    private static ParquetColumn? CreateScalar(DataField data, ColumnBuilder builder)
    {
        if (KindOf(data) is not { } kind || !builder.Accepts(kind)) return null;
        var type = data.ClrType;
        return (HasPhysical(data) ? CreatePhysical(data, kind, builder) : null) ?? (
            type == typeof(bool) ? new ParquetColumn<bool>(data, builder, (b, row, v) => b.SetBoolean(row, v))
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
            : type == typeof(DateTime) ? new ParquetColumn<DateTime>(data, builder, (b, row, v) => b.SetTimestamp(row, ColumnTime.MicrosOf(v)))
            : type == typeof(Guid) ? new ParquetColumn<Guid>(data, builder, (b, row, v) => b.SetUuid(row, v))
            : type == typeof(DateOnly) ? new ParquetColumn<DateOnly>(data, builder, (b, row, v) => b.SetDate(row, ColumnTime.DaysOf(v)))
            : type == typeof(ReadOnlyMemory<char>) ? new ParquetColumn<ReadOnlyMemory<char>>(data, builder, (b, row, v) => b.SetText(row, v.Span), v => v.ToString())
            : type == typeof(ReadOnlyMemory<byte>) ? new ParquetColumn<ReadOnlyMemory<byte>>(data, builder, (b, row, v) => b.SetBinary(row, v.Span), v => v.ToArray())
            : null);
    }

    /// <summary>The column that a field is in a warehouse, or null when it can be none.</summary>
    public static ArrowField? ToArrow(Field field) =>
        ElementOf(field) is { } element ? ToArrow(element) is { } type ? ColumnTypes.List(field.Name, type) : null
        : field is DataField data ? ToArrow(data)
        : null;

    /// <summary>The elements of a list; null when it is none, or its elements are no single values.</summary>
    private static DataField? ElementOf(Field field) => field switch
    {
        ListField { Item: DataField { MaxRepetitionLevel: 1 } element } => element,
        DataField { IsArray: true } repeated => repeated,
        _ => null,
    };

    private static ArrowField? ToArrow(DataField field)
    {
        if (KindOf(field) is not { } kind) return null;
        var type = field.ClrType;
        return kind switch
        {
            ValueKind.Uuid => ColumnTypes.Uuid(field.Name),
            ValueKind.Json => ColumnTypes.Json(field.Name),
            _ => new ArrowField(field.Name, ToArrow(kind, type, field), nullable: true),
        };
    }

    /// <summary>Which of the row group's values the current one is; below zero when there is none.</summary>
    public int Place { get; set; }

    /// <summary>For each entry of the row group how much of it is there: <see cref="Field.MaxDefinitionLevel"/> where there is a value.</summary>
    public virtual ReadOnlySpan<int> DefinitionLevels => [];

    /// <summary>For each entry of the row group 1 where it goes on with the list before it. Empty when it is no element of lists.</summary>
    public virtual ReadOnlySpan<int> RepetitionLevels => [];

    /// <summary>Reads the column of a row group.</summary>
    public abstract ValueTask LoadAsync(Stream stream, ParquetRowGroupReader group, int rows, CancellationToken cancellationToken);

    /// <summary>Goes on to the next row.</summary>
    public abstract void Advance();

    /// <summary>Gives the current row's value to the builder.</summary>
    public abstract bool TrySet(int row);

    /// <summary>Lets the builder have NULL in place of a value it cannot read, when the contract says so.</summary>
    public bool TryDiscard(int row) => Value is { } value && Builder.TryDiscard(row, Encoding.UTF8.GetBytes(ClrValueText.Of(value)!));

    /// <summary>Why the builder refused the current row's value.</summary>
    public string Explain() => Builder.Explain(Encoding.UTF8.GetBytes(ClrValueText.Of(Value) ?? ""), isNull: Value is null);

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
            : type == typeof(ulong) || type == typeof(decimal) ? ValueKind.Decimal
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

    // The library reads text as UTF-16, and dates, times and decimals as .NET's types, which have less range and take more time. Its physical types
    // have neither fault: the bytes of the file, given to the column's builder as they are.
    private static ParquetColumn? CreatePhysical(DataField field, ValueKind kind, ColumnBuilder builder) => (kind, field.SchemaElement?.Type) switch
    {
        (ValueKind.Text, PhysicalType.BYTE_ARRAY) or (ValueKind.Json, PhysicalType.BYTE_ARRAY) =>
            new ParquetColumn<ReadOnlyMemory<byte>>(As<ReadOnlyMemory<byte>>(field), builder, SetUtf8, v => Encoding.UTF8.GetString(v.Span)),
        (ValueKind.Date, PhysicalType.INT32) => new ParquetColumn<int>(As<int>(field), builder, (b, row, v) => b.SetDate(row, v), ShowDate),
        (ValueKind.Timestamp, PhysicalType.INT64) when field is DateTimeDataField time => CreateForTimestamp(time, builder),
        (ValueKind.Decimal, PhysicalType.INT32) when field is DecimalDataField { Scale: var scale } =>
            new ParquetColumn<int>(As<int>(field), builder, (b, row, v) => b.SetDecimal(row, v, scale), v => ShowDecimal(v, scale)),
        (ValueKind.Decimal, PhysicalType.INT64) when field is DecimalDataField { Scale: var scale } =>
            new ParquetColumn<long>(As<long>(field), builder, (b, row, v) => b.SetDecimal(row, v, scale), v => ShowDecimal(v, scale)),
        (ValueKind.Decimal, PhysicalType.BYTE_ARRAY or PhysicalType.FIXED_LEN_BYTE_ARRAY) when field is DecimalDataField { Scale: var scale } =>
            new ParquetColumn<ReadOnlyMemory<byte>>(
                As<ReadOnlyMemory<byte>>(field), builder, (b, row, v) => ToInteger(v.Span) is var number && number >= Int128.MinValue && number <= Int128.MaxValue && b.SetDecimal(row, (Int128)number, scale), v => ShowDecimal(ToInteger(v.Span), scale)),
        _ => null,
    };

    private static ParquetColumn<long> CreateForTimestamp(DateTimeDataField field, ColumnBuilder builder)
    {
        var physical = As<long>(field);
        return field.Unit switch
        {
            DateTimeTimeUnit.Millis => new ParquetColumn<long>(
                physical, builder, (b, row, v) => v is >= long.MinValue / 1000 and <= long.MaxValue / 1000 && b.SetTimestamp(row, v * 1000), v => ShowTimestamp(v, 1_000_000)),
            DateTimeTimeUnit.Micros => new ParquetColumn<long>(physical, builder, (b, row, v) => b.SetTimestamp(row, v), v => ShowTimestamp(v, 1_000)),
            _ => new ParquetColumn<long>(physical, builder, (b, row, v) => b.SetTimestamp(row, (v - (v < 0 ? 999 : 0)) / 1000), v => ShowTimestamp(v, 1)),
        };
    }

    // The library makes lists that may be NULL only; other levels than theirs cannot be asked for.
    private static bool HasPhysical(DataField field) => field.MaxRepetitionLevel == 0 || (field.Path.Length == 3 && field.MaxDefinitionLevel >= 2);

    /// <summary>The same column with the type that it has in the file.</summary>
    private static DataField<T> As<T>(DataField field) where T : struct
    {
        if (field.MaxRepetitionLevel == 0)
        {
            var physical = new DataField<T>(field.Name, field.IsNullable);
            _ = new ParquetSchema(physical);
            return physical;
        }

        // What matters are the names on the way to it and how deep it is, not which of them may be NULL.
        var element = new DataField<T>(field.Name, field.MaxDefinitionLevel > 2);
        _ = new ParquetSchema(new ListField(field.Path[0], element, field.Path[1]));
        return element;
    }

    private static bool SetUtf8(ColumnBuilder builder, int row, ReadOnlyMemory<byte> value) =>
        Utf8.IsValid(value.Span) && !value.Span.Contains((byte)0) && builder.TryParse(row, value.Span);

    private static BigInteger ToInteger(ReadOnlySpan<byte> bigEndian) => new(bigEndian, isBigEndian: true);

    // As much as .NET's types hold; what is beyond them is shown as the number in the file.
    private static object ShowDate(int days) => days is >= MinDays and <= MaxDays ? ColumnTime.ToDate(days) : days;

    private static object ShowTimestamp(long value, long nanosecondsEach)
    {
        var micros = (Int128)value * nanosecondsEach / 1000;
        return micros >= MinDays * MicrosADay && micros < (MaxDays + 1) * MicrosADay ? ColumnTime.ToDateTime((long)micros, DateTimeKind.Unspecified) : value;
    }

    private static object ShowDecimal(BigInteger unscaled, int scale) =>
        BigInteger.Abs(unscaled).GetBitLength() <= 96 && scale <= 28 ? ToDecimal(unscaled, scale) : $"{unscaled}e-{scale}";

    private static decimal ToDecimal(BigInteger unscaled, int scale)
    {
        var number = (decimal)BigInteger.Abs(unscaled);
        var bits = decimal.GetBits(number);
        return new decimal(bits[0], bits[1], bits[2], unscaled.Sign < 0, (byte)scale);
    }
}

/// <summary>A column that the file has.</summary>
/// <typeparam name="T">What the library gives its values as.</typeparam>
internal sealed class ParquetColumn<T>(DataField field, ColumnBuilder builder, Func<ColumnBuilder, int, T, bool> set, Func<T, object>? show = null)
    : ParquetColumn(field.Name, builder) where T : struct
{
    private T[] _values = [];
    private int[] _definitionLevels = [], _repetitionLevels = [];
    private int _count, _row, _next;

    public override ReadOnlySpan<int> DefinitionLevels => _definitionLevels.AsSpan(0, Math.Min(_count, _definitionLevels.Length));

    public override ReadOnlySpan<int> RepetitionLevels => _repetitionLevels.AsSpan(0, Math.Min(_count, _repetitionLevels.Length));

    public override object? Value => Place < 0 ? null : show?.Invoke(_values[Place]) ?? _values[Place];

    public override async ValueTask LoadAsync(Stream stream, ParquetRowGroupReader group, int rows, CancellationToken cancellationToken)
    {
        Dispose();
        var chunk = group.GetMetadata(field)?.MetaData ?? throw new InvalidDataException("the row group does not have it");
        _count = field.MaxRepetitionLevel == 0 ? rows : ParquetCheck.CheckRows(chunk.NumValues, stream.Length);
        var pageBytes = await ParquetCheck.CheckPagesAsync(stream, chunk, _count, cancellationToken).ConfigureAwait(false);
        _values = ArrayPool<T>.Shared.Rent(_count);
        _definitionLevels = field.MaxDefinitionLevel == 0 ? [] : ArrayPool<int>.Shared.Rent(_count);
        _repetitionLevels = field.MaxRepetitionLevel == 0 ? [] : ArrayPool<int>.Shared.Rent(_count);
        _row = _next = 0;
        // Without the cast null would become an empty memory, by way of a null array.
        var levels = field.MaxDefinitionLevel == 0 ? (Memory<int>?)null : _definitionLevels.AsMemory(0, _count);
        var repetition = field.MaxRepetitionLevel == 0 ? (Memory<int>?)null : _repetitionLevels.AsMemory(0, _count);
        await group.ReadRawAsync(field, _values.AsMemory(0, _count), levels, repetition, cancellationToken).ConfigureAwait(false);
        if (field.MaxRepetitionLevel > 0) CheckLists(rows);
        if (pageBytes is { } read && BytesOf(chunk.Type, _count) is { } bytes) ParquetCheck.CheckValues(bytes, read);
    }

    public override void Advance() =>
        Place = _definitionLevels.Length == 0 || _definitionLevels[_row++] == field.MaxDefinitionLevel ? _next++ : -1;

    private void CheckLists(int rows)
    {
        var lists = RepetitionLevels.Count(0);
        if (lists != rows || (rows > 0 && RepetitionLevels[0] != 0)) throw new InvalidDataException($"it has {lists} lists, for {rows} rows");
    }

    // The bytes that the values take in plain encoding; null when that cannot be told.
    private long? BytesOf(PhysicalType type, int rows)
    {
        var count = field.MaxDefinitionLevel == 0 ? rows : _definitionLevels.AsSpan(0, rows).Count(field.MaxDefinitionLevel);
        if (ParquetCheck.WidthOf(type) is { } width) return (long)count * width;
        if (type != PhysicalType.BYTE_ARRAY || _values is not ReadOnlyMemory<byte>[] texts) return null;
        var bytes = (long)count * sizeof(int);
        foreach (var text in texts.AsSpan(0, count)) bytes += text.Length;
        return bytes;
    }

    public override bool TrySet(int row) => Place < 0 ? Builder.TrySetNull(row) : set(Builder, row, _values[Place]);

    public override void Dispose()
    {
        if (_values.Length > 0) ArrayPool<T>.Shared.Return(_values, clearArray: !typeof(T).IsPrimitive);
        if (_definitionLevels.Length > 0) ArrayPool<int>.Shared.Return(_definitionLevels);
        if (_repetitionLevels.Length > 0) ArrayPool<int>.Shared.Return(_repetitionLevels);
        _values = [];
        _definitionLevels = [];
        _repetitionLevels = [];
    }
}

/// <summary>A column of lists.</summary>
/// <param name="field">The column.</param>
/// <param name="element">The column of its elements.</param>
/// <param name="elements">Gives the elements to <paramref name="list"/>.</param>
/// <param name="builder">What the lists go to.</param>
/// <param name="list">The same, or what is not kept when there may be no list.</param>
internal sealed class ParquetListColumn(Field field, DataField element, ParquetColumn elements, ColumnBuilder builder, ListColumnBuilder list) : ParquetColumn(field.Name, builder)
{
    // From this definition level on there is an element, and below that a list when it is no less than the other.
    private readonly int _elementLevel = element.MaxDefinitionLevel - (element is { IsNullable: true, IsArray: false } ? 1 : 0);
    private readonly int _listLevel = field is ListField { IsNullable: true } ? 1 : 0;
    private readonly List<int> _places = []; // of the current row's elements
    private int _entry;
    private bool _isNull;

    public override object? Value
    {
        get
        {
            if (_isNull) return null;
            var values = new List<object?>(_places.Count);
            foreach (var place in _places)
            {
                elements.Place = place;
                values.Add(elements.Value);
            }

            return values;
        }
    }

    public override async ValueTask LoadAsync(Stream stream, ParquetRowGroupReader group, int rows, CancellationToken cancellationToken)
    {
        await elements.LoadAsync(stream, group, rows, cancellationToken).ConfigureAwait(false);
        _entry = 0;
    }

    public override void Advance()
    {
        var definition = elements.DefinitionLevels;
        var repetition = elements.RepetitionLevels;
        _isNull = definition[_entry] < _listLevel;
        _places.Clear();
        do
        {
            elements.Advance();
            if (definition[_entry] >= _elementLevel) _places.Add(elements.Place);
        }
        while (++_entry < repetition.Length && repetition[_entry] > 0);
    }

    public override bool TrySet(int row)
    {
        if (_isNull || Builder != list) return _isNull && Builder.TrySetNull(row);
        list.BeginList(row);
        foreach (var place in _places)
        {
            elements.Place = place;
            if (!elements.TrySet(list.NextElement())) return list.RefuseElement(ClrValueText.Of(elements.Value));
        }

        return list.EndList();
    }

    public override void Dispose() => elements.Dispose();
}

/// <summary>A column of the contract that the file does not have.</summary>
internal sealed class AbsentParquetColumn(ColumnBuilder builder) : ParquetColumn(builder.Column.Name, builder)
{
    public override object? Value => null;

    public override ValueTask LoadAsync(Stream stream, ParquetRowGroupReader group, int rows, CancellationToken cancellationToken) => default;

    public override void Advance()
    {
    }

    public override bool TrySet(int row) => Builder.TrySetNull(row);

    public override void Dispose()
    {
    }
}
