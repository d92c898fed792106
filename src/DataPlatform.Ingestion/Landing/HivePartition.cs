using System.Globalization;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Names of folders as Apache Hive has them: <c>column=value</c>.</summary>
internal static class HivePartition
{
    // What Hive calls NULL and, as a folder needs a name, an empty text.
    private const string None = "__HIVE_DEFAULT_PARTITION__";

    // What Hive's FileUtils.escapePathName escapes besides control characters. Others are written as they are.
    private const string Escaped = "\"#%'*/:=?\\{[]^";

    // The longest name that file systems take.
    private const int MaxBytes = 255;

    private const int CharsShown = 40;

    private static readonly int FirstDay = ColumnTime.DaysOf(DateOnly.MinValue), LastDay = ColumnTime.DaysOf(DateOnly.MaxValue);

    /// <summary>Whether all readers have the same text for values of a column.</summary>
    public static bool Takes(Field column) => !ColumnTypes.IsJson(column) &&
        (ColumnTypes.IsUuid(column) || column.DataType is StringType or BooleanType or Int16Type or Int32Type or Int64Type or Date32Type);

    /// <summary>The folder of a value.</summary>
    /// <exception cref="DataPlatformException">The value is too long for one.</exception>
    public static string FolderOf(Field column, IArrowArray values, int row)
    {
        var text = values.IsNull(row) ? "" : TextOf(column, values, row);
        var folder = FolderOf(column.Name, text);
        return Encoding.UTF8.GetByteCount(folder) <= MaxBytes ? folder : throw Unusable(column, $"'{text[..Math.Min(text.Length, CharsShown)]}…', which is longer than a folder's name may be ({MaxBytes} bytes)");
    }

    /// <summary>The folder of a value that is known as text.</summary>
    public static string FolderOf(string column, string text) => $"{Escape(column)}={(text.Length == 0 ? None : Escape(text))}";

    private static string TextOf(Field column, IArrowArray values, int row) => values switch
    {
        StringArray texts => texts.GetString(row),
        BooleanArray bits => bits.GetValue(row)!.Value ? "true" : "false",
        Int16Array numbers => numbers.Values[row].ToString(CultureInfo.InvariantCulture),
        Int32Array numbers => numbers.Values[row].ToString(CultureInfo.InvariantCulture),
        Int64Array numbers => numbers.Values[row].ToString(CultureInfo.InvariantCulture),
        Date32Array days when days.Values[row] is var day && day >= FirstDay && day <= LastDay => ColumnTime.ToDate(day).ToString("O", CultureInfo.InvariantCulture),
        Date32Array => throw Unusable(column, "a date that is not within the years 1 to 9999"),
        _ => new Guid(RowHash.ValueOf(values, row), bigEndian: true).ToString(),
    };

    private static DataPlatformException Unusable(Field column, string problem) => new(
        FailureClass.Data, $"Files are landed by the column '{column.Name}', and it has {problem}.", "Partition by another column.");

    private static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (c >= 0x80 && char.IsControl(c)) escaped.Append(CultureInfo.InvariantCulture, $"%C2%{(int)c:X2}");
            else if (char.IsControl(c) || Escaped.Contains(c, StringComparison.Ordinal)) escaped.Append(CultureInfo.InvariantCulture, $"%{(int)c:X2}");
            else escaped.Append(c);
        }

        return escaped.ToString();
    }
}
