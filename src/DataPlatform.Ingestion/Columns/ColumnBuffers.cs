namespace DataPlatform.Ingestion;

/// <summary>The memory of one column of one batch. Grows to what batches need and is then used again and again.</summary>
internal sealed class ColumnBuffers
{
    /// <summary>A bit a row, set where there is a value.</summary>
    public byte[] Validity = [];

    /// <summary>Values of fixed width, bits, or the offsets of <see cref="Data"/>.</summary>
    public byte[] Values = [];

    /// <summary>The bytes of values of variable width.</summary>
    public byte[] Data = [];

    /// <summary>The elements of lists.</summary>
    public ColumnBuffers? Elements;
}
