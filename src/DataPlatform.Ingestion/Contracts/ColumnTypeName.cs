using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Names of column types for people.</summary>
internal static class ColumnTypeName
{
    public static string Of(Field field) =>
        ColumnTypes.IsUuid(field) ? "uuid"
        : ColumnTypes.IsJson(field) ? "json"
        : ColumnTypes.ElementOf(field) is { } element ? $"{Of(element)}[]"
        : field.DataType switch
        {
            BooleanType => "boolean",
            Int16Type => "int16",
            Int32Type => "int32",
            Int64Type => "int64",
            FloatType => "float",
            DoubleType => "double",
            Decimal128Type type => $"decimal({type.Precision},{type.Scale})",
            StringType => "text",
            BinaryType => "binary",
            Date32Type => "date",
            Time64Type => "time",
            TimestampType { Timezone: null } => "timestamp",
            TimestampType => "timestamp with time zone",
            var other => other.Name,
        };
}
