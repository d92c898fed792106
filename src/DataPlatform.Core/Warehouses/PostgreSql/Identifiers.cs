using System.Text;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Quotes names, after checking that PostgreSQL will not silently cut them off.</summary>
internal static class Identifiers
{
    private const int MaxBytes = 63;

    public static string Quote(string identifier) => TableName.Quote(Validate(identifier));

    public static string Quote(TableName table) => $"{Quote(table.Schema)}.{Quote(table.Name)}";

    public static string QuoteList(IEnumerable<string> identifiers) => string.Join(", ", identifiers.Select(Quote));

    private static string Validate(string identifier)
    {
        if (Encoding.UTF8.GetByteCount(identifier) > MaxBytes)
        {
            throw new WarehouseException(
                FailureClass.Configuration,
                $"The name '{identifier}' is longer than the {MaxBytes} bytes that PostgreSQL keeps of a name.",
                "Choose a shorter name for the schema, table or column.");
        }

        return identifier.Contains('\0', StringComparison.Ordinal)
            ? throw new WarehouseException(FailureClass.Configuration, $"The name '{identifier.Replace("\0", "\\0", StringComparison.Ordinal)}' contains the character U+0000.")
            : identifier;
    }
}
