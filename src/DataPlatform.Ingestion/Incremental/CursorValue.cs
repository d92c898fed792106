namespace DataPlatform.Ingestion;

/// <summary>A value of a cursor column, in the column's unit: days, microseconds, the last digit of a decimal.</summary>
internal readonly record struct CursorValue(Int128 Number) : IComparable<CursorValue>
{
    public int CompareTo(CursorValue other) => Number.CompareTo(other.Number);
}
