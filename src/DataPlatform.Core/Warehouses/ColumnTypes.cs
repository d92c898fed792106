using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses;

/// <summary>
/// The Arrow types that every source, warehouse and file writer handles. Types that Arrow has only as extensions are marked in the
/// field's metadata as Arrow prescribes, under <c>ARROW:extension:name</c>.
/// </summary>
/// <remarks>
/// Boolean, Int16, Int32, Int64, Float, Double, Decimal128(p, s), String, Binary, Date32, Time64(µs), Timestamp(µs, no zone),
/// Timestamp(µs, UTC), <see cref="Uuid"/> and <see cref="Json"/>, and a <see cref="List"/> of any of these. Others are widened to one of these where they enter.
/// </remarks>
public static class ColumnTypes
{
    private const string ExtensionName = "ARROW:extension:name";

    /// <summary>A date and time without zone, in microseconds.</summary>
    public static TimestampType Timestamp { get; } = new(TimeUnit.Microsecond, (string?)null);

    /// <summary>A moment: date and time in UTC, in microseconds.</summary>
    public static TimestampType TimestampUtc { get; } = new(TimeUnit.Microsecond, "UTC");

    /// <summary>A time of day in microseconds.</summary>
    public static Time64Type Time { get; } = new(TimeUnit.Microsecond);

    /// <summary>A UUID column: 16 bytes in network order, extension <c>arrow.uuid</c>.</summary>
    public static Field Uuid(string name, bool nullable = true) => Extension(name, new FixedSizeBinaryType(16), nullable, "arrow.uuid");

    /// <summary>A JSON column: text, extension <c>arrow.json</c>.</summary>
    public static Field Json(string name, bool nullable = true) => Extension(name, StringType.Default, nullable, "arrow.json");

    /// <summary>A column of lists.</summary>
    /// <param name="name">The column's name.</param>
    /// <param name="element">The elements' type, which is not a list, and whether one may be NULL; its name does not matter.</param>
    /// <param name="nullable">Whether a list may be NULL.</param>
    public static Field List(string name, Field element, bool nullable = true)
    {
        ArgumentNullException.ThrowIfNull(element);
        return new Field(name, new ListType(new Field("item", element.DataType, element.IsNullable, element.Metadata)), nullable);
    }

    /// <summary>The elements of a column of lists, under the column's name; null when it is of another type.</summary>
    public static Field? ElementOf(Field list)
    {
        ArgumentNullException.ThrowIfNull(list);
        return list.DataType is ListType type ? new Field(list.Name, type.ValueDataType, type.ValueField.IsNullable, type.ValueField.Metadata) : null;
    }

    /// <summary>Whether the column holds UUIDs.</summary>
    public static bool IsUuid(Field field) => HasExtension(field, "arrow.uuid");

    /// <summary>Whether the column holds JSON.</summary>
    public static bool IsJson(Field field) => HasExtension(field, "arrow.json");

    private static Field Extension(string name, ArrowType type, bool nullable, string extension) =>
        new(name, type, nullable, new Dictionary<string, string> { [ExtensionName] = extension });

    private static bool HasExtension(Field field, string extension)
    {
        ArgumentNullException.ThrowIfNull(field);
        return field.HasMetadata && field.Metadata.TryGetValue(ExtensionName, out var name) && name == extension;
    }
}
