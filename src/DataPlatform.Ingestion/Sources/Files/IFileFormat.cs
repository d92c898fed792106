namespace DataPlatform.Ingestion;

/// <summary>How rows are read from a file.</summary>
internal interface IFileFormat
{
    /// <summary>The columns that a file has, by a look at its beginning.</summary>
    Task<Contract> InferAsync(SourceFile file, SourceContext context, CancellationToken cancellationToken);

    /// <summary>Reads a file's rows into <paramref name="batch"/>, and yields it whenever it is full. Rows that remain in it at the end are the caller's.</summary>
    IAsyncEnumerable<SourceBatch> ReadAsync(SourceFile file, BatchBuilder batch, SourceContext context, CancellationToken cancellationToken);

    /// <summary>How rows are read that are JSON objects, within which paths lead to values; null when they are not.</summary>
    JsonOptions? Json => null;

    /// <summary>Reads rejected rows of files again.</summary>
    IRawRowReader CreateRawReader(BatchBuilder batch, SourceContext context) => new JsonRawRowReader(batch, new JsonOptions());
}
