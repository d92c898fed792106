using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Reflection;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Arrays;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses;

/// <summary>How values of a .NET type are kept in a column.</summary>
internal abstract class ColumnType
{
    public abstract Field ToField(string name, bool nullable);

    /// <summary>A property of this type, or of the nullable one of it.</summary>
    public abstract RecordProperty ToProperty(PropertyInfo info, Field field);

    /// <summary>The column type of a .NET type, or null when it has none.</summary>
    /// <param name="type">The .NET type, not a nullable one.</param>
    /// <param name="precision">The digits of a decimal, also of one in a list; null for the default.</param>
    /// <param name="nullability">What the compiler knows of a list's elements.</param>
    public static ColumnType? Find(Type type, PrecisionAttribute? precision, NullabilityInfo nullability) =>
        FindScalar(type, precision) ?? (ListColumn.ItemOf(type) is { } item ? ListColumn.Of(type, item, precision, nullability) : null);

    /// <summary>The column type of a type that is no list.</summary>
    public static ColumnType? FindScalar(Type type, PrecisionAttribute? precision) =>
        type.IsEnum ? new EnumColumn(type)
        : type == typeof(bool) ? new BooleanColumn()
        : type == typeof(short) ? new NumberColumn<short>(Int16Type.Default)
        : type == typeof(int) ? new NumberColumn<int>(Int32Type.Default)
        : type == typeof(long) ? new NumberColumn<long>(Int64Type.Default)
        : type == typeof(float) ? new NumberColumn<float>(FloatType.Default)
        : type == typeof(double) ? new NumberColumn<double>(DoubleType.Default)
        : type == typeof(decimal) ? DecimalColumn.Of(precision)
        : type == typeof(string) ? new StringColumn()
        : type == typeof(byte[]) ? new BinaryColumn()
        : type == typeof(DateOnly) ? new DateColumn()
        : type == typeof(TimeOnly) ? new TimeColumn()
        : type == typeof(DateTime) ? new TimestampColumn()
        : type == typeof(DateTimeOffset) ? new MomentColumn()
        : type == typeof(Guid) ? new UuidColumn()
        : null;
}

/// <summary>How values of a .NET type are kept in a column.</summary>
internal abstract class ColumnType<T> : ColumnType where T : notnull
{
    /// <summary>How to read values that are not NULL, or null when the column is of another type.</summary>
    public abstract Func<int, T>? Reader(IArrowArray array);

    public abstract ColumnWriter<T> Writer(Field field);

    public override RecordProperty ToProperty(PropertyInfo info, Field field) => new PlainProperty<T>(info, field, this);
}

/// <summary>A column type whose values may be the elements of lists. That of lists is none: lists of lists without end would have to be compiled ahead of time.</summary>
internal interface IScalarColumnType
{
    /// <summary>The column type of a list whose elements are of this type, or of the nullable one of it.</summary>
    /// <param name="list">The list's type.</param>
    /// <param name="item">That of its elements.</param>
    /// <param name="allowsNull">Whether elements that are references may be null.</param>
    ColumnType ToList(Type list, Type item, bool allowsNull);
}

/// <summary>How references to objects that are one value are kept in a column.</summary>
internal abstract class ReferenceColumnType<T> : ColumnType<T>, IScalarColumnType where T : class
{
    public ColumnType ToList(Type list, Type item, bool allowsNull) => ListColumn.Of(list, new PlainItems<T>(this, allowsNull));
}

/// <summary>How values of a .NET type, or of the nullable one of it, are kept in a column.</summary>
internal abstract class ValueColumnType<T> : ColumnType<T>, IScalarColumnType where T : struct
{
    public override RecordProperty ToProperty(PropertyInfo info, Field field) =>
        info.PropertyType == typeof(T?) ? new NullableProperty<T>(info, field, this) : base.ToProperty(info, field);

    public virtual ColumnType ToList(Type list, Type item, bool allowsNull) =>
        item == typeof(T?) ? ListColumn.Of(list, new NullableItems<T>(this)) : ListColumn.Of(list, new PlainItems<T>(this, allowsNull));
}

internal sealed class BooleanColumn : ValueColumnType<bool>
{
    public override Field ToField(string name, bool nullable) => new(name, BooleanType.Default, nullable);

    public override Func<int, bool>? Reader(IArrowArray array) => array is BooleanArray bits ? row => bits.GetValue(row)!.Value : null;

    public override ColumnWriter<bool> Writer(Field field) => new BooleanWriter(field);
}

internal sealed class NumberColumn<T>(ArrowType type) : ValueColumnType<T> where T : unmanaged, INumber<T>
{
    public override Field ToField(string name, bool nullable) => new(name, type, nullable);

    public override Func<int, T>? Reader(IArrowArray array) => NumberReader<T>.For(array);

    public override ColumnWriter<T> Writer(Field field) => new FixedSizeWriter<T, T>(field, static value => value);
}

internal sealed class DecimalColumn(int precision, int scale) : ValueColumnType<decimal>
{
    private static readonly Int128[] Powers = [.. Enumerable.Range(0, 39).Select(power => (Int128)BigInteger.Pow(10, power))];

    public static DecimalColumn Of(PrecisionAttribute? declared) => declared switch
    {
        null => new DecimalColumn(38, 10),
        { Precision: >= 1 and <= 38, Scale: >= 0 } when declared.Scale <= declared.Precision => new DecimalColumn(declared.Precision, declared.Scale),
        _ => throw new DataPlatformException(
            FailureClass.Configuration,
            $"[Precision({declared.Precision}, {declared.Scale})] is not possible.",
            "Digits in all are 1 to 38, those after the point no more than these."),
    };

    public override Field ToField(string name, bool nullable) => new(name, new Decimal128Type(precision, scale), nullable);

    public override Func<int, decimal>? Reader(IArrowArray array) => NumberReader<decimal>.For(array);

    public override ColumnWriter<decimal> Writer(Field field) => new FixedSizeWriter<decimal, Int128>(field, Store);

    // A decimal is an integer of 96 bits, a sign, and how many of its digits follow the point.
    private Int128 Store(decimal value)
    {
        Span<int> parts = stackalloc int[4];
        decimal.GetBits(value, parts);
        var digits = (Int128)new UInt128((uint)parts[2], ((ulong)(uint)parts[1] << 32) | (uint)parts[0]);
        var shift = scale - ((parts[3] >> 16) & 0x7F);
        Int128 scaled;
        if (shift >= 0)
        {
            if (digits > (Powers[precision] - 1) / Powers[shift]) throw TooLong(value);
            scaled = digits * Powers[shift];
        }
        else
        {
            (scaled, var rest) = Int128.DivRem(digits, Powers[-shift]);
            if (rest != 0 || scaled >= Powers[precision]) throw TooLong(value);
        }

        return parts[3] < 0 ? -scaled : scaled;
    }

    private ColumnValueException TooLong(decimal value) => new(
        string.Create(CultureInfo.InvariantCulture, $"is {value}, which has more digits than numeric({precision}, {scale})."),
        "Round it, or declare more digits: [Precision(38, 18)].");
}

/// <summary>Reads numbers of one type from columns of any.</summary>
internal static class NumberReader<T> where T : INumber<T>
{
    private static readonly bool IsWhole = typeof(T) == typeof(short) || typeof(T) == typeof(int) || typeof(T) == typeof(long);

    public static Func<int, T>? For(IArrowArray array) => array switch
    {
        Int16Array values => From(values),
        Int32Array values => From(values),
        Int64Array values => From(values),
        FloatArray values => From(values),
        DoubleArray values => From(values),
        Decimal128Array values => row => Convert(values.GetValue(row)!.Value),
        _ => null,
    };

    private static Func<int, T> From<TStored>(PrimitiveArray<TStored> values) where TStored : struct, INumber<TStored> => row => Convert(values.Values[row]);

    private static T Convert<TStored>(TStored value) where TStored : INumber<TStored> =>
        IsWhole && !TStored.IsInteger(value) ? throw new OverflowException() : T.CreateChecked(value);
}

internal sealed class StringColumn : ReferenceColumnType<string>
{
    public override Field ToField(string name, bool nullable) => new(name, StringType.Default, nullable);

    public override Func<int, string>? Reader(IArrowArray array) => array is StringArray text ? row => text.GetString(row) : null;

    public override ColumnWriter<string> Writer(Field field) => new TextWriter<string>(field, static value => value);
}

/// <summary>Members of an enum as their names. Code has them as their numbers, whatever the enum.</summary>
internal sealed class EnumColumn : ValueColumnType<long>
{
    private readonly Type _type;
    private readonly FrozenDictionary<long, string> _names;

    public EnumColumn(Type type)
    {
        _type = type;
        var names = new Dictionary<long, string>();
        foreach (var value in Enum.GetValuesAsUnderlyingType(type)) names.TryAdd(ToNumber(value), Enum.GetName(type, value)!);
        _names = names.ToFrozenDictionary();
    }

    public override Field ToField(string name, bool nullable) => new(name, StringType.Default, nullable);

    public override Func<int, long>? Reader(IArrowArray array) => array is StringArray text ? row => Parse(text.GetString(row)) : null;

    public override ColumnWriter<long> Writer(Field field) => new TextWriter<long>(field, number => _names.GetValueOrDefault(number) ?? Enum.ToObject(_type, number).ToString()!);

    public override RecordProperty ToProperty(PropertyInfo info, Field field) =>
        info.PropertyType == _type ? new PlainProperty<long>(info, field, this) : new NullableProperty<long>(info, field, this);

    [UnconditionalSuppressMessage("Trimming", "IL2081", Justification = "An enum has no constructor that could be missing.")]
    public override ColumnType ToList(Type list, Type item, bool allowsNull) => RuntimeFeature.IsDynamicCodeSupported
        ? ((IScalarColumnType)Activator.CreateInstance(typeof(ListedEnumColumn<>).MakeGenericType(_type), this)!).ToList(list, item, allowsNull)
        : throw new DataPlatformException(
            FailureClass.Configuration,
            $"A list of {_type.Name} needs code for that enum, which cannot be made in a program that was compiled ahead of time (PublishAot).",
            "Make it a list of strings with [AllowedValues], or publish without PublishAot.");

    private long Parse(string name) => Enum.TryParse(_type, name, ignoreCase: true, out var value) && Enum.IsDefined(_type, value)
        ? ToNumber(value)
        : throw new ColumnValueException($"is '{name}', which is not one of {string.Join(", ", Enum.GetNames(_type))}.", "Add it to the enum, or make the property a string.");

    private static long ToNumber(object value) =>
        value is IConvertible number && number.GetTypeCode() == TypeCode.UInt64 ? unchecked((long)number.ToUInt64(null)) : ((IConvertible)value).ToInt64(null);
}

/// <summary>Members of an enum in lists, whose code is made for the enum.</summary>
internal sealed class ListedEnumColumn<T>(EnumColumn numbers) : ValueColumnType<T> where T : struct, Enum
{
    public override Field ToField(string name, bool nullable) => numbers.ToField(name, nullable);

    public override Func<int, T>? Reader(IArrowArray array) => numbers.Reader(array) is { } read ? row => (T)Enum.ToObject(typeof(T), read(row)) : null;

    public override ColumnWriter<T> Writer(Field field) => new TextWriter<T>(field, static value => value.ToString());
}

internal sealed class BinaryColumn : ReferenceColumnType<byte[]>
{
    public override Field ToField(string name, bool nullable) => new(name, BinaryType.Default, nullable);

    public override Func<int, byte[]>? Reader(IArrowArray array) => array is BinaryArray bytes and not StringArray ? row => bytes.GetBytes(row).ToArray() : null;

    public override ColumnWriter<byte[]> Writer(Field field) => new BinaryWriter(field);
}

internal sealed class DateColumn : ValueColumnType<DateOnly>
{
    // The day number of 1970-01-01.
    private const int Epoch = 719_162;

    public override Field ToField(string name, bool nullable) => new(name, Date32Type.Default, nullable);

    public override Func<int, DateOnly>? Reader(IArrowArray array) => array is Date32Array days ? row => ToDate(days.Values[row]) : null;

    public override ColumnWriter<DateOnly> Writer(Field field) => new FixedSizeWriter<DateOnly, int>(field, static value => value.DayNumber - Epoch);

    public static DateOnly ToDate(int days) =>
        (long)days + Epoch is var number && number >= 0 && number <= DateOnly.MaxValue.DayNumber ? DateOnly.FromDayNumber((int)number) : throw new OverflowException();
}

internal sealed class TimeColumn : ValueColumnType<TimeOnly>
{
    public override Field ToField(string name, bool nullable) => new(name, ColumnTypes.Time, nullable);

    public override Func<int, TimeOnly>? Reader(IArrowArray array) =>
        array is Time64Array { Data.DataType: Time64Type { Unit: TimeUnit.Microsecond } } times ? row => ToTime(times.Values[row]) : null;

    public override ColumnWriter<TimeOnly> Writer(Field field) =>
        new FixedSizeWriter<TimeOnly, long>(field, static value => value.Ticks / TimeSpan.TicksPerMicrosecond);

    private static TimeOnly ToTime(long microseconds) =>
        microseconds is >= 0 and < TimeSpan.MicrosecondsPerDay ? new TimeOnly(microseconds * TimeSpan.TicksPerMicrosecond) : throw new OverflowException();
}

internal sealed class TimestampColumn : ValueColumnType<DateTime>
{
    // Microseconds from 0001-01-01 to 1970-01-01, and to the end of year 9999.
    private const long Epoch = 62_135_596_800_000_000;
    private const long End = 315_537_897_600_000_000;

    public override Field ToField(string name, bool nullable) => new(name, ColumnTypes.Timestamp, nullable);

    public override Func<int, DateTime>? Reader(IArrowArray array) => array switch
    {
        TimestampArray { Data.DataType: TimestampType { Unit: TimeUnit.Microsecond } type } times when type.Timezone is null => row => ToDateTime(times.Values[row], DateTimeKind.Unspecified),
        TimestampArray { Data.DataType: TimestampType { Unit: TimeUnit.Microsecond } } times => row => ToDateTime(times.Values[row], DateTimeKind.Utc),
        Date32Array days => row => DateColumn.ToDate(days.Values[row]).ToDateTime(TimeOnly.MinValue),
        _ => null,
    };

    public override ColumnWriter<DateTime> Writer(Field field) => new FixedSizeWriter<DateTime, long>(field, ToMicroseconds);

    public static DateTime ToDateTime(long microseconds, DateTimeKind kind) =>
        microseconds is >= -Epoch and < End - Epoch ? new DateTime((microseconds + Epoch) * TimeSpan.TicksPerMicrosecond, kind) : throw new OverflowException();

    public static long ToMicroseconds(DateTime value) => (value.Ticks / TimeSpan.TicksPerMicrosecond) - Epoch;
}

internal sealed class MomentColumn : ValueColumnType<DateTimeOffset>
{
    public override Field ToField(string name, bool nullable) => new(name, ColumnTypes.TimestampUtc, nullable);

    public override Func<int, DateTimeOffset>? Reader(IArrowArray array) =>
        array is TimestampArray { Data.DataType: TimestampType { Unit: TimeUnit.Microsecond, Timezone: not null } } times
            ? row => new DateTimeOffset(TimestampColumn.ToDateTime(times.Values[row], DateTimeKind.Utc))
            : null;

    public override ColumnWriter<DateTimeOffset> Writer(Field field) =>
        new FixedSizeWriter<DateTimeOffset, long>(field, static value => TimestampColumn.ToMicroseconds(value.UtcDateTime));
}

internal sealed class UuidColumn : ValueColumnType<Guid>
{
    public override Field ToField(string name, bool nullable) => ColumnTypes.Uuid(name, nullable);

    public override Func<int, Guid>? Reader(IArrowArray array) =>
        array is FixedSizeBinaryArray { Data.DataType: FixedSizeBinaryType { ByteWidth: 16 } } bytes ? row => new Guid(bytes.GetBytes(row), bigEndian: true) : null;

    public override ColumnWriter<Guid> Writer(Field field) => new FixedSizeWriter<Guid, Int128>(field, ToBytes);

    private static Int128 ToBytes(Guid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadInt128LittleEndian(bytes);
    }
}
