namespace DataPlatform.Ingestion;

/// <summary>What a source that knows types gives values as: the <c>Set</c> methods of <see cref="ColumnBuilder"/>.</summary>
internal enum ValueKind
{
    Integer,
    Float,
    Decimal,
    Boolean,
    Date,
    Time,
    Timestamp,
    Uuid,
    Text,
    Binary,
    Json,
}
