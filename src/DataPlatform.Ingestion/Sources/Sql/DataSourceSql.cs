using System.Data;
using System.Data.Common;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Resilience;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Ingestion;

/// <summary>Reads from any database that has an ADO.NET driver, by the driver's typed getters.</summary>
internal sealed class DataSourceSql(string name, DbDataSource source, IServiceProvider services) : ISqlConnection
{
    public string Parameter(int number) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"@cursor{number}");

    public async Task<Schema> DescribeAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = Create(connection, sql, []);
        await using var reader = await GuardAsync(() => command.ExecuteReaderAsync(CommandBehavior.SchemaOnly, cancellationToken), FailureClass.Configuration).ConfigureAwait(false);
        var columns = await reader.GetColumnSchemaAsync(cancellationToken).ConfigureAwait(false);
        return new Schema(columns.Select(column => DriverColumn.ToField(column, name)), metadata: null);
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(
        string sql, IReadOnlyList<object> parameters, SqlColumns columns, BatchBuilder batch, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = Create(connection, sql, parameters);
        await using var reader = await GuardAsync(() => command.ExecuteReaderAsync(CommandBehavior.SingleResult, cancellationToken), FailureClass.Configuration).ConfigureAwait(false);
        var row = new DriverRow(reader, [.. (await reader.GetColumnSchemaAsync(cancellationToken).ConfigureAwait(false)).Select(column => DriverColumn.SetterOf(column, name))]);
        while (await GuardAsync(() => reader.ReadAsync(cancellationToken), FailureClass.Data).ConfigureAwait(false))
        {
            columns.Add(batch, row);
            if (batch.IsFull) yield return batch.Take();
        }

        if (!batch.IsEmpty) yield return batch.Take();
    }

    public async Task CheckAsync(CancellationToken cancellationToken) => await (await OpenAsync(cancellationToken).ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);

    private Task<DbConnection> OpenAsync(CancellationToken cancellationToken) => GuardAsync(() => source.OpenConnectionAsync(cancellationToken).AsTask(), FailureClass.Unavailable);

    private static DbCommand Create(DbConnection connection, string sql, IReadOnlyList<object> parameters)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // The query is the program's own, and values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.CommandTimeout = 0;
        for (var i = 0; i < parameters.Count; i++)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"cursor{i + 1}");
            // Drivers give an offset to columns with time zone only as UTC.
            parameter.Value = parameters[i] is DateTimeOffset moment ? moment.UtcDateTime : parameters[i];
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private async Task<T> GuardAsync<T>(Func<Task<T>> action, FailureClass otherwise)
    {
        try
        {
            return await action().ConfigureAwait(false);
        }
        catch (DbException exception)
        {
            var known = new FailureClassification(services.GetServices<IFailureClassifier>()).Classify(exception);
            var failureClass = known.Class != FailureClass.Bug ? known.Class : exception.IsTransient ? FailureClass.Transient : otherwise;
            throw new DataPlatformException(failureClass, $"Database '{name}': {exception.Message}", known.Class == FailureClass.Bug ? null : known.Hint, exception);
        }
    }

    private sealed class DriverRow(DbDataReader reader, DriverColumn.Setter[] setters) : SqlRow
    {
        public override bool TrySet(int place, ColumnBuilder column, int row) => reader.IsDBNull(place) ? column.TrySetNull(row) : setters[place](reader, place, column, row);

        public override object? ValueOf(int place) => reader.IsDBNull(place) ? null : reader.GetValue(place);
    }
}

/// <summary>What a driver says a column is.</summary>
internal static class DriverColumn
{
    /// <summary>Gives the value of the reader's row to a column, by the getter of its type.</summary>
    public delegate bool Setter(DbDataReader reader, int place, ColumnBuilder column, int row);

    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is of no type that a warehouse has.</exception>
    public static Field ToField(DbColumn column, string database)
    {
        var (name, type) = (column.ColumnName, column.DataType);
        if (IsJson(column)) return ColumnTypes.Json(name);
        if (type == typeof(Guid)) return ColumnTypes.Uuid(name);
        ArrowType? arrow = type == typeof(bool) ? BooleanType.Default
            : type == typeof(byte) || type == typeof(short) ? Int16Type.Default
            : type == typeof(int) ? Int32Type.Default
            : type == typeof(long) ? Int64Type.Default
            : type == typeof(float) ? FloatType.Default
            : type == typeof(double) ? DoubleType.Default
            : type == typeof(decimal) ? Decimal(column)
            : type == typeof(string) ? StringType.Default
            : type == typeof(byte[]) ? BinaryType.Default
            : type == typeof(DateOnly) || IsDate(column) ? Date32Type.Default
            : type == typeof(TimeOnly) || type == typeof(TimeSpan) ? ColumnTypes.Time
            : type == typeof(DateTimeOffset) || HasZone(column) ? ColumnTypes.TimestampUtc
            : type == typeof(DateTime) ? ColumnTypes.Timestamp
            : null;
        return arrow is not null ? new Field(name, arrow, nullable: true) : throw Unknown(column, database);
    }

    public static Setter SetterOf(DbColumn column, string database)
    {
        var type = column.DataType;
        return IsJson(column) ? (reader, place, target, row) => target.SetText(row, reader.GetString(place))
            : type == typeof(bool) ? (reader, place, target, row) => target.SetBoolean(row, reader.GetBoolean(place))
            : type == typeof(byte) ? (reader, place, target, row) => target.SetInt64(row, reader.GetByte(place))
            : type == typeof(short) ? (reader, place, target, row) => target.SetInt64(row, reader.GetInt16(place))
            : type == typeof(int) ? (reader, place, target, row) => target.SetInt64(row, reader.GetInt32(place))
            : type == typeof(long) ? (reader, place, target, row) => target.SetInt64(row, reader.GetInt64(place))
            : type == typeof(float) ? (reader, place, target, row) => target.SetDouble(row, reader.GetFloat(place))
            : type == typeof(double) ? (reader, place, target, row) => target.SetDouble(row, reader.GetDouble(place))
            : type == typeof(decimal) ? SetDecimal
            : type == typeof(string) ? (reader, place, target, row) => target.SetText(row, reader.GetString(place))
            : type == typeof(byte[]) ? (reader, place, target, row) => target.SetBinary(row, reader.GetFieldValue<byte[]>(place))
            : type == typeof(DateOnly) || IsDate(column) ? (reader, place, target, row) => target.SetDate(row, ColumnTime.DaysOf(reader.GetFieldValue<DateOnly>(place)))
            : type == typeof(TimeOnly) ? (reader, place, target, row) => target.SetTime(row, ColumnTime.MicrosOf(reader.GetFieldValue<TimeOnly>(place)))
            : type == typeof(TimeSpan) ? (reader, place, target, row) => target.SetTime(row, reader.GetFieldValue<TimeSpan>(place).Ticks / TimeSpan.TicksPerMicrosecond)
            : type == typeof(DateTimeOffset) ? (reader, place, target, row) => target.SetTimestamp(row, ColumnTime.MicrosOf(reader.GetFieldValue<DateTimeOffset>(place)))
            : type == typeof(DateTime) ? (reader, place, target, row) => target.SetTimestamp(row, ColumnTime.MicrosOf(reader.GetDateTime(place)))
            : type == typeof(Guid) ? (reader, place, target, row) => target.SetUuid(row, reader.GetGuid(place))
            : throw Unknown(column, database);
    }

    private static bool SetDecimal(DbDataReader reader, int place, ColumnBuilder target, int row)
    {
        var (unscaled, scale) = DecimalParts.Of(reader.GetDecimal(place));
        return target.SetDecimal(row, unscaled, scale);
    }

    private static bool IsJson(DbColumn column) => column.DataTypeName is "json" or "jsonb" or "JSON";

    private static bool IsDate(DbColumn column) => column.DataType == typeof(DateTime) && string.Equals(column.DataTypeName, "date", StringComparison.OrdinalIgnoreCase);

    private static bool HasZone(DbColumn column) =>
        column.DataType == typeof(DateTime) && (column.DataTypeName?.Contains("with time zone", StringComparison.OrdinalIgnoreCase) == true || column.DataTypeName == "timestamptz");

    private static Decimal128Type Decimal(DbColumn column) => (column.NumericPrecision, column.NumericScale) is (int precision and >= 1 and <= 38, int scale and >= 0) && scale <= precision
        ? new Decimal128Type(precision, scale)
        : new Decimal128Type(38, 10);

    private static DataPlatformException Unknown(DbColumn column, string database) => new(
        FailureClass.Configuration,
        $"Database '{database}' has {column.ColumnName} as {column.DataTypeName}, which is no type that a warehouse has.",
        "Convert it in the query: CAST(… AS text), or what the database calls text.");
}
