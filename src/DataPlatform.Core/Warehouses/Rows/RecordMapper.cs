using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Array = System.Array;

namespace DataPlatform.Warehouses;

/// <summary>Mappers of record types; one a type, made when first asked for.</summary>
public static class RecordMapper
{
    /// <summary>What of a record type has to be kept when a program is trimmed or compiled ahead of time: generic code that hands one on says so with <see cref="DynamicallyAccessedMembersAttribute"/>.</summary>
    public const DynamicallyAccessedMemberTypes Members = DynamicallyAccessedMemberTypes.PublicConstructors | DynamicallyAccessedMemberTypes.PublicProperties;

    /// <summary>The mapper of a type.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: a property's type has no column type.</exception>
    public static RecordMapper<T> For<[DynamicallyAccessedMembers(RecordMapper.Members)] T>() where T : notnull => Cache<T>.Mapper.Value;

    private static class Cache<[DynamicallyAccessedMembers(RecordMapper.Members)] T> where T : notnull
    {
        public static readonly Lazy<RecordMapper<T>> Mapper = new(() => new RecordMapper<T>());
    }
}

/// <summary>
/// Turns record batches into objects and back. Each public property is the column of its name in snake case (<c>StationId</c> is
/// <c>station_id</c>, as <see cref="System.Text.Json.JsonNamingPolicy.SnakeCaseLower"/> has it); <c>[NotMapped]</c> leaves one out. Objects are made by the constructor with the most parameters that are named as properties, and by setters.
/// </summary>
/// <remarks>
/// Types: bool, short, int, long, float, double, decimal (see <see cref="PrecisionAttribute"/>), string, byte[], DateOnly,
/// TimeOnly, DateTime (timestamp without zone), DateTimeOffset (with zone), Guid, enums (text), these as nullable, and arrays, <c>List</c>,
/// <c>IList</c> and <c>IReadOnlyList</c> of them (a list). Numbers are read from any number
/// column when no value changes in it but its precision as float or double; dates and times are read from what holds as much.
/// </remarks>
/// <typeparam name="T">A record, class or struct.</typeparam>
public sealed class RecordMapper<[DynamicallyAccessedMembers(RecordMapper.Members)] T> where T : notnull
{
    private readonly RecordProperty[] _properties;
    private readonly Lazy<RecordConstructor<T>> _constructor;
    private readonly Lazy<Action<IColumnWriter[], T>> _append;

    internal RecordMapper()
    {
        _properties = [.. RecordProperty.Of(typeof(T))];
        Schema = new Schema(_properties.Select(property => property.Field), metadata: null);
        _constructor = new(() => new RecordConstructor<T>(_properties));
        _append = new(CompileAppend);
    }

    /// <summary>The columns of the type, in the order of its properties.</summary>
    public Schema Schema { get; }

    /// <summary>Reads a batch's rows. Columns that the type does not have are left out.</summary>
    /// <exception cref="DataPlatformException">
    /// A column is missing or of another type (<see cref="FailureClass.Configuration"/>); a value is NULL or too large for its property (<see cref="FailureClass.Data"/>).
    /// </exception>
    public IReadOnlyList<T> FromBatch(RecordBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var constructor = _constructor.Value;
        var readers = constructor.Bind(batch);
        var rows = new T[batch.Length];
        var row = 0;
        try
        {
            for (; row < rows.Length; row++) rows[row] = constructor.Create(readers, row);
            return rows;
        }
        catch (Exception e) when (e is OverflowException or ColumnValueException)
        {
            throw constructor.Fault(readers, row, e);
        }
    }

    /// <summary>Reads the rows of batches as they come, disposing of each batch after its last row.</summary>
    /// <exception cref="DataPlatformException">As for <see cref="FromBatch"/>.</exception>
    public async IAsyncEnumerable<T> FromBatchesAsync(IAsyncEnumerable<RecordBatch> batches, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batches);
        await foreach (var batch in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            IReadOnlyList<T> rows;
            using (batch) rows = FromBatch(batch);
            foreach (var row in rows) yield return row;
        }
    }

    /// <summary>Makes one batch of rows.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Data"/>: a value is null or has too many digits for its column.</exception>
    public RecordBatch ToBatch(IEnumerable<T> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var builder = new Builder(this);
        foreach (var row in rows) builder.Append(row);
        return builder.Build();
    }

    /// <summary>Makes batches of about <see cref="IWarehouse.BatchBytes"/> of rows as they come; at least one, which is empty when there are no rows.</summary>
    /// <exception cref="DataPlatformException">As for <see cref="ToBatch"/>.</exception>
    public async IAsyncEnumerable<RecordBatch> ToBatchesAsync(IAsyncEnumerable<T> rows, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var builder = new Builder(this);
        var any = false;
        await foreach (var row in rows.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            builder.Append(row);
            if (builder.Bytes < IWarehouse.BatchBytes) continue;
            yield return builder.Build();
            any = true;
            builder = new Builder(this);
        }

        if (builder.Rows > 0 || !any) yield return builder.Build();
    }

    private Action<IColumnWriter[], T> CompileAppend()
    {
        var writers = Expression.Parameter(typeof(IColumnWriter[]));
        var row = Expression.Parameter(typeof(T));
        var appends = _properties.Select((property, i) =>
            property.Append(Expression.ArrayIndex(writers, Expression.Constant(i)), Expression.Property(row, property.Info)));
        return Expression.Lambda<Action<IColumnWriter[], T>>(Expression.Block(appends), writers, row).Compile();
    }

    private sealed class Builder(RecordMapper<T> mapper)
    {
        private readonly IColumnWriter[] _writers = [.. mapper._properties.Select(property => property.CreateWriter())];
        private readonly Action<IColumnWriter[], T> _append = mapper._append.Value;

        public int Rows { get; private set; }

        public long Bytes
        {
            get
            {
                var bytes = 0L;
                foreach (var writer in _writers) bytes += writer.Bytes;
                return bytes;
            }
        }

        public void Append(T row)
        {
            try
            {
                _append(_writers, row);
                Rows++;
            }
            catch (ColumnValueException e)
            {
                // The writer that failed is the first that did not get the row.
                var property = mapper._properties[Array.FindIndex(_writers, writer => writer.Length == Rows)];
                throw new DataPlatformException(
                    FailureClass.Data, $"{typeof(T).Name}.{property.Info.Name} {e.Message} It is column '{property.Field.Name}'.", e.Hint, e);
            }
        }

        public RecordBatch Build() => new(mapper.Schema, _writers.Select(writer => writer.Build()), Rows);
    }
}
