using Apache.Arrow;
using DataPlatform.Ledger;

namespace DataPlatform.Ingestion;

/// <summary>
/// Some rows of a source, and how far it was read with them. A load may commit after any batch: what a batch says of objects and cursors
/// holds for all rows up to and with it.
/// </summary>
/// <param name="rows">Rows that keep the contract, with its schema; null for none. Disposed of with this.</param>
/// <param name="rejected">Rows that do not.</param>
public sealed class SourceBatch(RecordBatch? rows, IReadOnlyList<RejectedRow>? rejected = null) : IDisposable
{
    /// <summary>Rows that keep the contract, or null for none.</summary>
    public RecordBatch? Rows { get; } = rows;

    /// <summary>Rows that do not keep it.</summary>
    public IReadOnlyList<RejectedRow> Rejected { get; } = rejected ?? [];

    /// <summary>Rows that were left out on purpose, neither accepted nor rejected.</summary>
    public long RowsFiltered { get; init; }

    /// <summary>How many rows were read for this batch.</summary>
    public long RowsRead => (Rows?.Length ?? 0) + Rejected.Count + RowsFiltered;

    /// <summary>How many bytes of the source this batch took, in the unit of <see cref="SourceContext.TotalBytes"/>; for the progress display.</summary>
    public long BytesRead { get; init; }

    /// <summary>Objects whose last row is in this batch or one before. They are not offered again once the load commits.</summary>
    public IReadOnlyList<SourceObject> CompletedObjects { get; init; } = [];

    /// <summary>
    /// The object that this batch ends in the middle of, with how many of its rows are in this batch and those before; null when it ends with an object.
    /// A load that commits here is gone on from by <see cref="SourceContext.FindOpenObjectAsync"/>.
    /// </summary>
    public SourceObject? OpenObject { get; init; }

    /// <summary>Where to go on after this batch, by name of cursor. Found by the next run with <see cref="SourceContext.FindCursorAsync"/> once the load commits.</summary>
    public IReadOnlyDictionary<string, string> Cursors { get; init; } = System.Collections.ObjectModel.ReadOnlyDictionary<string, string>.Empty;

    /// <summary>How many values of which columns were left out because they could not be read as the column's type.</summary>
    internal IReadOnlyList<(string Column, long Values)> Discarded { get; init; } = [];

    /// <summary>Disposes of the rows.</summary>
    public void Dispose() => Rows?.Dispose();
}

/// <summary>An object of a source that was read to its end.</summary>
/// <param name="Path">Its path in the source.</param>
/// <param name="ETag">Its version.</param>
/// <param name="Rows">How many rows were read from it.</param>
public sealed record SourceObject(string Path, string ETag, long Rows);
