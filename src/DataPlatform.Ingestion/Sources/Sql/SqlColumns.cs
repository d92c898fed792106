using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Where the columns of a contract are in a query's result.</summary>
internal sealed class SqlColumns
{
    private readonly string _source;
    private readonly Contract _contract;
    private readonly Schema _schema;
    private readonly int[] _places; // by column of the contract; -1 when the query does not have it
    private readonly bool _fits;

    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: the query lacks a column, or has it with a type that is none of the contract's.</exception>
    public SqlColumns(string source, Contract contract, Schema schema)
    {
        (_source, _contract, _schema) = (source, contract, schema);
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var field in schema.FieldsList)
        {
            if (!names.TryAdd(InferredContract.NameOf(field.Name, names.Count), names.Count))
                throw Invalid($"has two columns that are {InferredContract.NameOf(field.Name, names.Count)}", "Name them apart with AS.");
        }

        _places = [.. contract.Columns.Select(column => names.GetValueOrDefault(InferredContract.NameOf(column.SourceName, 0), -1))];
        foreach (var (column, place) in contract.Columns.Zip(_places)) Check(column, place < 0 ? null : schema.GetFieldByIndex(place));
        _fits = _places.Distinct().Count() == _places.Length && contract.Columns.Zip(_places).All(pair => pair.Second >= 0 && !pair.First.IsAbsent && pair.First.Constraints.Count == 0 && IsSame(pair.First.Field, schema.GetFieldByIndex(pair.Second)));
    }

    /// <summary>The query's column for one of the contract.</summary>
    public Field FieldOf(string column) => _places[_contract.IndexOf(column)] is >= 0 and var place
        ? _schema.GetFieldByIndex(place)
        : throw Invalid($"has no column {column}, by which it is to be read", "Select it.");

    /// <summary>The batch with the contract's columns, when their values need not be looked at; else null. It takes the other's place: that one is not disposed of any more.</summary>
    public RecordBatch? TryPass(RecordBatch batch)
    {
        if (!_fits || _contract.Columns.Zip(_places).Any(pair => !pair.First.IsNullable && batch.Column(pair.Second).NullCount > 0)) return null;
        return new ViewRecordBatch(_contract.Schema, _places.Select(batch.Column), batch);
    }

    /// <summary>Adds a row, or rejects it when it breaks the contract.</summary>
    public void Add(BatchBuilder batch, SqlRow row)
    {
        for (var i = 0; i < _places.Length; i++)
        {
            var (column, place) = (batch.Columns[i], _places[i]);
            if (place < 0 ? column.TrySetNull(batch.Row) : row.TrySet(place, column, batch.Row)) continue;
            var text = place < 0 ? null : ClrValueText.Of(row.ValueOf(place));
            if (text is not null && column.TryDiscard(batch.Row, Encoding.UTF8.GetBytes(text))) continue;
            Reject(batch, row, column, text);
            return;
        }

        batch.Accept(int.MaxValue);
    }

    private void Reject(BatchBuilder batch, SqlRow row, ColumnBuilder column, string? text)
    {
        var reason = column.Explain(Encoding.UTF8.GetBytes(text ?? ""), isNull: text is null);
        batch.Reject(_source, batch.RowsRead + 1, RowText.Of(_schema.FieldsList.Select((field, i) => (field.Name, row.ValueOf(i), ColumnTypes.IsJson(field)))), column, reason);
    }

    private void Check(ContractColumn column, Field? field)
    {
        if (field is null)
        {
            if (column.IsNullable) return;
            throw Invalid($"has no column {column.SourceName}, which may not be NULL", $"Its columns are: {string.Join(", ", _schema.FieldsList.Select(f => f.Name))}.");
        }

        if (!CanTake(ColumnBuilder.Create(column), field))
            throw Invalid($"has {field.Name} as {ColumnTypeName.Of(field)}, and the contract as {ColumnTypeName.Of(column.Field)}", "Make them agree: convert it in the query with CAST, or change the property's type.");
    }

    private static bool CanTake(ColumnBuilder builder, Field field) => ColumnTypes.ElementOf(field) is { } element
        ? builder is AbsentColumnBuilder || (builder is ListColumnBuilder list && CanTake(list.Element, element))
        : builder.Accepts(KindOf(field));

    private DataPlatformException Invalid(string problem, string hint) => new(FailureClass.Configuration, $"{_source} {problem}.", hint);

    private static bool IsSame(Field a, Field b) => ColumnTypeName.Of(a) == ColumnTypeName.Of(b);

    private static ValueKind KindOf(Field field) =>
        ColumnTypes.IsUuid(field) ? ValueKind.Uuid
        : ColumnTypes.IsJson(field) ? ValueKind.Json
        : field.DataType switch
        {
            BooleanType => ValueKind.Boolean,
            Int16Type or Int32Type or Int64Type => ValueKind.Integer,
            FloatType or DoubleType => ValueKind.Float,
            Decimal128Type => ValueKind.Decimal,
            Date32Type => ValueKind.Date,
            Time64Type => ValueKind.Time,
            TimestampType => ValueKind.Timestamp,
            BinaryType => ValueKind.Binary,
            _ => ValueKind.Text,
        };
}

/// <summary>The row of a result that is being read.</summary>
internal abstract class SqlRow
{
    /// <summary>Gives a value to a column; false when that refuses it.</summary>
    public abstract bool TrySet(int place, ColumnBuilder column, int row);

    /// <summary>A value, for people.</summary>
    public abstract object? ValueOf(int place);
}
