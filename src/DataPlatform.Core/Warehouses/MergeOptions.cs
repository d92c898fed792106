using Apache.Arrow;
using DataPlatform.Ledger;

namespace DataPlatform.Warehouses;

/// <summary>What a merge does with rows whose key the table has. The names are those of dlt's merge strategies.</summary>
public enum MergeStrategy
{
    /// <summary>A row replaces the table's row with its key; others are added. The table has one row for each key.</summary>
    Upsert,

    /// <summary>All rows of the table with a key of the write go, then all rows of the write come. A key may have several rows: one day's, one customer's.</summary>
    DeleteInsert,

    /// <summary>Rows whose key the table has are left out; others are added. The table has one row for each key, and none ever changes.</summary>
    InsertOnly,

    /// <summary>
    /// Slowly changing dimension, type 2: a changed row closes the table's current version and opens a new one, so the table has the history of each key.
    /// A row that did not change makes no version.
    /// </summary>
    Scd2,
}

/// <summary>How a bulk merge puts rows into a table. All that it compares is compared as the table's types are.</summary>
/// <param name="Key">The columns that identify a row; under <see cref="MergeStrategy.DeleteInsert"/>, that say which rows go together. No row may have NULL in one of them.</param>
public sealed record MergeOptions(params IReadOnlyList<string> Key)
{
    /// <summary>What is done with rows whose key the table has.</summary>
    public MergeStrategy Strategy { get; init; }

    /// <summary>
    /// A column that marks a row as one to delete: when it is true or, in a column that is not boolean, has any value. The table's rows with the key go
    /// (under <see cref="MergeStrategy.Scd2"/> the current version is closed), and the row itself is not added. Null for none.
    /// </summary>
    public string? HardDeleteColumn { get; init; }

    /// <summary>
    /// Of rows of the write with one key, that with the highest value in this column counts: any value before NULL, and the last of equal ones. Null: the last one
    /// counts, and the first one under <see cref="MergeStrategy.InsertOnly"/>, as if each had been written by itself.
    /// </summary>
    public string? DedupSortColumn { get; init; }

    /// <summary>Lets the lowest value of <see cref="DedupSortColumn"/> count instead of the highest; NULL still loses.</summary>
    public bool DedupKeepsLowest { get; init; }

    /// <summary>Under <see cref="MergeStrategy.Scd2"/>, the table's column that says from when on a version holds: a timestamp with time zone.</summary>
    public string ValidFromColumn { get; init; } = "_valid_from";

    /// <summary>Under <see cref="MergeStrategy.Scd2"/>, the table's column that says until when, exclusively, a version held; NULL for the current one.</summary>
    public string ValidToColumn { get; init; } = "_valid_to";

    /// <summary>Under <see cref="MergeStrategy.Scd2"/>, the moment at which all versions that the write closes end and those that it opens begin, in microseconds. Later than that of any write before.</summary>
    public DateTimeOffset BoundaryTimestamp { get; init; } = DateTimeOffset.UtcNow;

    /// <summary>Under <see cref="MergeStrategy.Scd2"/>, whether the write has all keys there are, so that the current versions of those it lacks are closed.</summary>
    public bool IsFullSnapshot { get; init; }

    /// <summary>
    /// A table to create for what the write replaces or deletes: the table's columns with the rows as they were, and <see cref="ExistedColumn"/>, which is true for them. For keys that the
    /// table did not have there is a row with the key alone, in which it is false. Null for none.
    /// </summary>
    public TableName? BeforeImages { get; init; }

    /// <summary>The column of <see cref="BeforeImages"/> that says whether the table had the row.</summary>
    public const string ExistedColumn = "_existed";

    /// <summary>What identifies a row of the table: the key, and under <see cref="MergeStrategy.Scd2"/> also when the version began. Empty when rows of the table need not differ.</summary>
    public IReadOnlyList<string> RowKey => Strategy switch
    {
        MergeStrategy.DeleteInsert => [],
        MergeStrategy.Scd2 => [.. Key, ValidFromColumn],
        _ => Key,
    };

    /// <summary>The columns that a table needs for rows of a schema: under <see cref="MergeStrategy.Scd2"/> also the validity columns.</summary>
    public Schema ToTableSchema(Schema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        if (Strategy != MergeStrategy.Scd2) return schema;
        return new Schema(
            [.. schema.FieldsList, new Field(ValidFromColumn, ColumnTypes.TimestampUtc, nullable: false), new Field(ValidToColumn, ColumnTypes.TimestampUtc, nullable: true)],
            schema.Metadata);
    }

    /// <summary>The columns of a schema that decide under <see cref="MergeStrategy.Scd2"/> whether a row changed: all but the key, the load's number and the mark of deleted rows.</summary>
    public IEnumerable<Field> ComparedFields(Schema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return schema.FieldsList.Where(field => field.Name is not LoadTransaction.LoadIdColumn && field.Name != HardDeleteColumn && !Key.Contains(field.Name, StringComparer.Ordinal));
    }

    /// <summary>Throws when the options contradict each other or name columns that rows do not have.</summary>
    /// <param name="table">The table that is merged into.</param>
    /// <param name="schema">The rows' columns.</param>
    /// <param name="source">What has the rows, for the message.</param>
    /// <exception cref="WarehouseException">They do; <see cref="FailureClass.Configuration"/>.</exception>
    public void Check(TableName table, Schema schema, string source = "the data")
    {
        ArgumentNullException.ThrowIfNull(schema);
        var columns = schema.FieldsList.Select(field => field.Name).ToList();
        void Require(string? column, string role)
        {
            if (column is null || columns.Contains(column, StringComparer.Ordinal)) return;
            throw Wrong($"The merge into {table} has the {role} '{column}', which {source} does not have.", $"Its columns are: {string.Join(", ", columns)}.");
        }

        if (Key.Count == 0) throw Wrong($"The merge into {table} needs a key.", "Name the columns that identify a row.");
        foreach (var column in Key) Require(column, "key");
        Require(HardDeleteColumn, "hard-delete column");
        Require(DedupSortColumn, "dedup sort column");
        if (Strategy == MergeStrategy.InsertOnly && HardDeleteColumn is not null)
            throw Wrong($"The merge into {table} only inserts, so it cannot delete rows by '{HardDeleteColumn}'.", "Leave the hard-delete column out, or choose another strategy.");
        if (Strategy == MergeStrategy.DeleteInsert && DedupSortColumn is not null)
            throw Wrong($"The merge into {table} keeps all rows of a key, so it cannot choose one by '{DedupSortColumn}'.", "Leave the dedup sort column out, or merge by upsert.");
        if (Strategy != MergeStrategy.Scd2)
        {
            if (IsFullSnapshot) throw Wrong($"The merge into {table} is of a full snapshot, but keeps no versions that could be closed.", "Use the strategy SCD2, or replace the table.");
            return;
        }

        if (columns.FirstOrDefault(column => column == ValidFromColumn || column == ValidToColumn) is { } taken)
            throw Wrong($"{source} has a column '{taken}', which {table} needs to say when a version of a row holds.", "Give the validity columns other names.");
        if (ValidFromColumn == ValidToColumn) throw Wrong($"The merge into {table} has one column '{ValidFromColumn}' for both ends of a version.", "Give the validity columns different names.");
    }

    /// <summary>Throws because a version that a write closes began no earlier than <see cref="BoundaryTimestamp"/>.</summary>
    /// <param name="table">The table that is merged into.</param>
    /// <param name="began">When the latest of the versions began.</param>
    /// <exception cref="WarehouseException">Always; <see cref="FailureClass.Transient"/>.</exception>
    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    public void RefuseBoundary(TableName table, DateTimeOffset began) => throw new WarehouseException(
        FailureClass.Transient,
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"The load into {table} is of {BoundaryTimestamp.UtcDateTime:O}, but versions that it changes began at {began.UtcDateTime:O}."),
        "The clocks of the machines that load differ: set them right, or run again when the time has passed.");

    private static WarehouseException Wrong(string message, string hint) => new(FailureClass.Configuration, message, hint);
}
