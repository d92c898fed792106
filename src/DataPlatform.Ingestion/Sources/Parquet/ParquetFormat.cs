using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Parquet;
using Parquet.Schema;

namespace DataPlatform.Ingestion;

/// <summary>Parquet, decoded by Parquet.Net a row group at a time.</summary>
internal sealed class ParquetFormat : IFileFormat
{
    public async Task<Contract> InferAsync(SourceFile file, SourceContext context, CancellationToken cancellationToken)
    {
        var stream = file.OpenRandomAccess();
        await using (stream.ConfigureAwait(false))
        {
            var reader = await OpenAsync(file, stream, cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                var columns = reader.Schema.Fields
                    .Select(field => (field.Name, Field: ParquetColumn.ToArrow(field)))
                    .Where(column => column.Field is not null)
                    .Select(column => (column.Name, column.Field!));
                return InferredContract.Create(file, [.. columns]);
            }
        }
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceFile file, BatchBuilder batch, SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = file.OpenRandomAccess();
        await using (stream.ConfigureAwait(false))
        {
            var reader = await OpenAsync(file, stream, cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                var columns = MapColumns(reader.Schema, batch, context, file);
                try
                {
                    long position = 0;
                    for (var i = 0; i < reader.RowGroupCount; i++)
                    {
                        var rows = await LoadAsync(reader, i, columns, file, stream, cancellationToken).ConfigureAwait(false);
                        for (var row = 0; row < rows; row++)
                        {
                            ReadRow(columns, batch, file.Key, ++position);
                            if (!batch.IsFull) continue;
                            cancellationToken.ThrowIfCancellationRequested();
                            file.NoteBytesRead(batch);
                            yield return batch.Take();
                        }
                    }
                }
                finally
                {
                    foreach (var column in columns) column.Dispose();
                }
            }
        }
    }

    private static async Task<ParquetReader> OpenAsync(SourceFile file, Stream stream, CancellationToken cancellationToken)
    {
        var options = new ParquetOptions { UseDateOnlyTypeForDates = true };
        try
        {
            await ParquetCheck.CheckFooterAsync(stream, cancellationToken).ConfigureAwait(false);
            stream.Seek(0, SeekOrigin.Begin);
            var reader = await ParquetReader.CreateAsync(stream, options, leaveStreamOpen: true, cancellationToken).ConfigureAwait(false);

            // The library makes the schema when it is asked for.
            _ = reader.Schema;
            var rows = reader.RowGroups.Sum(group => group.RowCount);
            return reader.Metadata?.NumRows == rows ? reader : throw new InvalidDataException($"it says to have {reader.Metadata?.NumRows} rows, and its row groups have {rows}");
        }
        catch (Exception exception)
        {
            throw Unreadable(exception, "its footer", file, stream);
        }
    }

    private static async Task<int> LoadAsync(
        ParquetReader reader, int rowGroup, ParquetColumn[] columns, SourceFile file, Stream stream, CancellationToken cancellationToken)
    {
        var what = $"row group {rowGroup + 1} of {reader.RowGroupCount}";
        try
        {
            using var group = reader.OpenRowGroupReader(rowGroup);
            var rows = ParquetCheck.CheckRows(group.RowCount, stream.Length);
            foreach (var column in columns)
            {
                what = $"column {column.Name} in row group {rowGroup + 1} of {reader.RowGroupCount}";
                await column.LoadAsync(stream, group, rows, cancellationToken).ConfigureAwait(false);
            }

            return rows;
        }
        catch (Exception exception)
        {
            throw Unreadable(exception, what, file, stream);
        }
    }

    // A damaged file makes the library fail in any way: out of range, out of memory, a null where none should be.
    private static Exception Unreadable(Exception exception, string what, SourceFile file, Stream stream)
    {
        (stream as RandomAccessFileStream)?.StoreFailure?.Throw();
        return exception is OperationCanceledException or DataPlatformException
            ? exception
            : file.Invalid(
                $"cannot be read as Parquet: {what}: {exception.Message}",
                "The file is damaged, was cut off while it was written, or is of another kind. Put it there again; nothing of it was loaded.",
                exception);
    }

    private static ParquetColumn[] MapColumns(ParquetSchema schema, BatchBuilder batch, SourceContext context, SourceFile file)
    {
        var fields = schema.Fields.ToLookup(field => ColumnName.Normalize(field.Name), StringComparer.Ordinal);
        var columns = new List<ParquetColumn>(batch.Columns.Length);
        var used = new HashSet<Field>();
        foreach (var builder in batch.Columns)
        {
            var column = builder.Column;
            Field[] found = [.. fields[ColumnName.Normalize(column.SourceName)]];
            if (found.Length > 1)
                throw file.Invalid($"has {found.Length} columns for {column.Name}: {string.Join(", ", found.Select(f => $"'{f.Name}'"))}.", "Say with [Column(\"…\")] which one is meant.");
            if (found is [var field])
            {
                used.Add(field);
                columns.Add(ParquetColumn.Create(field, builder) ?? throw Clash(field, column, file));
            }
            else if (column.IsNullable)
            {
                columns.Add(new AbsentParquetColumn(builder));
            }
            else
            {
                throw file.Invalid(
                    $"has no column '{column.SourceName}', which the contract needs for {column.Name}. It has: {string.Join(", ", schema.Fields.Select(f => f.Name))}.",
                    "Say with [Column(\"…\")] what the file calls it, or let the property be nullable.");
            }
        }

        if (used.Count == 0) throw file.Foreign(context.Contract.Columns, schema.Fields.Select(field => field.Name));
        var ignored = schema.Fields.Where(field => !used.Contains(field)).Select(field => field.Name).ToArray();
        if (ignored.Length > 0) context.Logger.LogInformation("{File}: columns that are not in the contract are left out: {Columns}", file.Key, string.Join(", ", ignored));
        return [.. columns];
    }

    private static DataPlatformException Clash(Field field, ContractColumn column, SourceFile file) => file.Invalid(
        $"has column '{field.Name}' as {(ParquetColumn.ToArrow(field) is { } type ? ColumnTypeName.Of(type) : "a nested or unknown type")}, but the contract says {ColumnTypeName.Of(column.Field)}.",
        "Let the contract say the type that the file has.");

    private static void ReadRow(ParquetColumn[] columns, BatchBuilder batch, string file, long position)
    {
        ParquetColumn? refused = null;
        foreach (var column in columns)
        {
            column.Advance();
            if (refused is null && !column.TrySet(batch.Row) && !column.TryDiscard(batch.Row)) refused = column;
        }

        if (refused is null) batch.Accept(int.MaxValue);
        else batch.Reject(file, position, RawRow(columns), refused.Builder, refused.Explain());
    }

    private static byte[] RawRow(ParquetColumn[] columns) => RowText.Of(columns.Select(column => (column.Name, column.Value, column.Builder is JsonColumnBuilder)));
}
