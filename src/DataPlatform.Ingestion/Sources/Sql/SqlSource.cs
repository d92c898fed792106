using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using DataPlatform.Lineage;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>The rows of a query. All of them each time, unless <see cref="Incremental"/> says how it goes on.</summary>
public class SqlSource : ICursorSource
{
    private const string Before = "SELECT q.* FROM (\n";

    internal SqlSource(SqlOrigin origin, string query, Contract? contract, IncrementalCursor? cursor)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(query);
        (Origin, Query, Contract, Cursor) = (origin, query.Trim(), contract, cursor);
        if (IsTable) CheckTable();
        if (contract is not null) cursor?.TypeIn(contract, Description);
    }

    /// <inheritdoc/>
    public string Description => $"{Origin.Name}:{(IsTable || IsFile ? Query : "query")}";

    /// <inheritdoc/>
    public Contract? Contract { get; }

    internal SqlOrigin Origin { get; }

    internal string Query { get; }

    internal IncrementalCursor? Cursor { get; }

    IncrementalCursor? ICursorSource.Cursor => Cursor;

    RowOrder? ICursorSource.Order => RowOrder.Ascending;

    private bool IsFile => Query.EndsWith(".sql", StringComparison.OrdinalIgnoreCase);

    private bool IsTable => !IsFile && !Query.Any(char.IsWhiteSpace);

    /// <summary>Goes on where the last load stopped: a run reads rows whose column has the last value that was loaded, or a greater one, and leaves out those it has.</summary>
    /// <param name="column">The column that grows with every new or changed row: a number, date or timestamp.</param>
    /// <param name="configure">Start, lag, range, NULLs.</param>
    public SqlSource Incremental(string column, Action<IncrementalBuilder>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        var builder = new IncrementalBuilder(IncrementalCursor.Of(column));
        configure?.Invoke(builder);
        return new SqlSource(Origin, Query, Contract, builder.Cursor);
    }

    /// <inheritdoc/>
    public async ValueTask<Contract?> InferContractAsync(SourceContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (Contract is not null) return Contract;
        var schema = await DescribeAsync(Origin.Open(context.Services), SelectOf(context), cancellationToken).ConfigureAwait(false);
        return InferredContract.Create(new QueryText(Description), [.. schema.FieldsList.Select(field => (field.Name, field))]);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Dataset> GetDatasets(IServiceProvider services) =>
        IsTable && Origin.FindWarehouse(services) is { } warehouse ? [warehouse.GetDataset(TableName.Parse(Query))] : [];

    /// <inheritdoc/>
    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var connection = Origin.Open(context.Services);
        var tracker = Cursor is null ? null : await Cursor.OpenAsync(Description, context, RowOrder.Ascending, checksOrder: false, json: null, cancellationToken).ConfigureAwait(false);
        var select = SelectOf(context);
        var columns = new SqlColumns(Description, context.Contract, await DescribeAsync(connection, select, cancellationToken).ConfigureAwait(false));
        var (sql, parameters) = Write(select.Sql, tracker, columns, connection);
        var any = false;
        await foreach (var read in connection.ReadAsync(sql, parameters, columns, new BatchBuilder(context.Contract, context.BatchBytes), cancellationToken).ConfigureAwait(false))
        {
            if ((tracker is null ? read : tracker.Take(read)) is not { } batch) continue;
            any = true;
            yield return batch;
        }

        tracker?.Finish();

        // A table that is replaced by the rows of a query is empty when the query's result is.
        if (!any && tracker is null) yield return new SourceBatch(null);
    }

    /// <inheritdoc/>
    public Task CheckAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        if (IsFile) File().Check();
        return Origin.Open(services).CheckAsync(cancellationToken);
    }

    private SqlQuery File() => new() { Source = Query };

    // The statement is there when the query is from a file, to say where in it a fault is.
    private (string Sql, SqlStatement? Statement) SelectOf(SourceContext context)
    {
        if (!IsFile) return (IsTable ? $"SELECT * FROM {TableName.Parse(Query).ToSql()}" : Query.TrimEnd(';', ' ', '\r', '\n', '\t'), null);
        var statement = File().Render(context.Run);
        return (statement.Text, statement);
    }

    private static async Task<Apache.Arrow.Schema> DescribeAsync(ISqlConnection connection, (string Sql, SqlStatement? Statement) select, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.DescribeAsync(Limited(select.Sql, "1 = 0"), cancellationToken).ConfigureAwait(false);
        }
        catch (WarehouseException exception) when (select.Statement is not null)
        {
            throw select.Statement.Locate(exception, Before.Length);
        }
    }

    private (string Sql, IReadOnlyList<object> Parameters) Write(string select, CursorTracker? tracker, SqlColumns columns, ISqlConnection connection)
    {
        if (tracker is null) return (select, []);
        var field = columns.FieldOf(Cursor!.Name);
        var column = $"q.{TableName.Quote(field.Name)}";
        var hasZone = field.DataType is Apache.Arrow.Types.TimestampType { Timezone: not null };
        var conditions = new List<string>();
        var parameters = new List<object>();
        if (tracker.From is { } from) Add(">=", from);
        if (tracker.Until is { } until) Add("<", until);
        var range = string.Join(" AND ", conditions);
        var condition = (range, tracker.WantsNulls) switch
        {
            ("", true) => "1 = 1",
            ("", false) => $"{column} IS NOT NULL",
            (_, true) => $"({range} OR {column} IS NULL)",
            _ => range,
        };

        // Rows that were counted are told from new ones by coming first.
        var identity = tracker.Boundary is { Count: > 0 } ? Cursor.Identity.Select(name => $"q.{TableName.Quote(columns.FieldOf(name).Name)}") : [];
        return ($"{Limited(select, condition)} ORDER BY {string.Join(", ", identity.Prepend(column))}", parameters);

        void Add(string comparison, CursorValue value)
        {
            parameters.Add(tracker.Type.ToObject(value, hasZone));
            conditions.Add($"{column} {comparison} {connection.Parameter(parameters.Count)}");
        }
    }

    private void CheckTable()
    {
        try
        {
            TableName.Parse(Query);
        }
        catch (FormatException exception)
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"From.Sql of {Origin.Name}: '{Query}' is neither a SELECT nor the name of a table.", "Write the table with its schema, as in sales.orders.", exception);
        }
    }

    // The line break ends a comment that the query may end in.
    private static string Limited(string select, string condition) => $"{Before}{select}\n) q WHERE {condition}";

    private sealed record QueryText(string Name) : ISourceText
    {
        public DataPlatformException Invalid(string problem, string? hint, Exception? cause = null) => new(FailureClass.Configuration, $"{Name} {problem}", hint, cause);
    }
}

/// <inheritdoc cref="SqlSource"/>
/// <typeparam name="T">The record or class that declares the columns.</typeparam>
public sealed class SqlSource<[DynamicallyAccessedMembers(RecordMapper.Members)] T> : SqlSource, ISource<T> where T : notnull
{
    internal SqlSource(SqlOrigin origin, string query, IncrementalCursor? cursor = null) : base(origin, query, Contract.Of<T>(), cursor)
    {
    }

    /// <inheritdoc cref="SqlSource.Incremental"/>
    /// <param name="column">The property of the column that grows with every new or changed row: <c>order => order.UpdatedAt</c>.</param>
    /// <param name="configure">Start, lag, range, NULLs.</param>
    /// <exception cref="DataPlatformException">Values of the column have no order that all systems agree on.</exception>
    public SqlSource<T> Incremental<TCursor>(Expression<Func<T, TCursor>> column, Action<IncrementalBuilder<T, TCursor>>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(column);
        var builder = new IncrementalBuilder<T, TCursor>(IncrementalCursor.Of(PropertyName.Of(column)));
        configure?.Invoke(builder);
        return new SqlSource<T>(Origin, Query, builder.Cursor);
    }
}
