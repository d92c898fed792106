namespace DataPlatform.Warehouses;

/// <summary>A table's or view's name with its schema, such as <c>raw.trips</c>. Kept as written; <see cref="ToSql"/> quotes it.</summary>
public readonly record struct TableName
{
    /// <summary>Names a table in a schema.</summary>
    public TableName(string schema, string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(schema);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        (Schema, Name) = (schema, name);
    }

    /// <summary>The schema.</summary>
    public string Schema { get; }

    /// <summary>The name within the schema.</summary>
    public string Name { get; }

    /// <summary>Reads <c>schema.name</c>.</summary>
    /// <exception cref="FormatException">The text is not two names joined by one dot.</exception>
    public static TableName Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split('.');
        return parts is [{ Length: > 0 } schema, { Length: > 0 } name]
            ? new TableName(schema, name)
            : throw new FormatException($"'{text}' does not name a table: write it as schema.name, for example raw.trips.");
    }

    /// <summary>Reads <c>schema.name</c>, as <see cref="Parse"/> does.</summary>
    public static implicit operator TableName(string text) => Parse(text);

    /// <summary>The name quoted for SQL: <c>"raw"."trips"</c>.</summary>
    public string ToSql() => $"{Quote(Schema)}.{Quote(Name)}";

    /// <summary>The name for people: <c>raw.trips</c>.</summary>
    public override string ToString() => $"{Schema}.{Name}";

    /// <summary>Quotes one identifier as standard SQL does: in double quotes, inner ones doubled.</summary>
    public static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
