using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using DataPlatform.Ingestion;
using DataPlatform.ObjectStores;
using DataPlatform.Warehouses;

namespace DataPlatform.Pipelines;

/// <summary>
/// The sources that <c>pipeline.Ingest(…)</c> reads: <c>From.Csv&lt;Trip&gt;("lake", "inbox/trips-*.csv")</c>. Packages and programs add
/// theirs as static extension members: <c>extension(From) { public static ISource&lt;T&gt; … }</c>.
/// </summary>
public static class From
{
    /// <summary>CSV files whose columns a record declares.</summary>
    /// <typeparam name="T">The record or class. See <see cref="Contract.Of{T}"/>.</typeparam>
    /// <param name="store">The object store's name.</param>
    /// <param name="glob">Which files, as <see cref="IObjectStore.ListAsync"/> takes it.</param>
    /// <param name="options">How the files are written.</param>
    /// <exception cref="DataPlatformException">A property of <typeparamref name="T"/> cannot be a column.</exception>
    public static FileSource<T> Csv<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string store, string glob, CsvOptions? options = null) where T : notnull => new FileSource<T>(new(store), glob, new CsvFormat(options ?? new()));

    /// <inheritdoc cref="Csv{T}(string, string, CsvOptions?)"/>
    public static FileSource<T> Csv<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(IObjectStore store, string glob, CsvOptions? options = null) where T : notnull => new FileSource<T>(Of(store), glob, new CsvFormat(options ?? new()));

    /// <summary>CSV files whose columns are found by reading the beginning of the first new one; those of an existing table keep its types.</summary>
    /// <param name="store">The object store's name.</param>
    /// <param name="glob">Which files, as <see cref="IObjectStore.ListAsync"/> takes it.</param>
    /// <param name="options">How the files are written.</param>
    public static FileSource Csv(string store, string glob, CsvOptions? options = null) => new FileSource(new(store), glob, new CsvFormat(options ?? new()), null);

    /// <inheritdoc cref="Csv(string, string, CsvOptions?)"/>
    public static FileSource Csv(IObjectStore store, string glob, CsvOptions? options = null) => new FileSource(Of(store), glob, new CsvFormat(options ?? new()), null);

    /// <summary>JSON Lines files, one object a line, whose columns a record declares.</summary>
    /// <typeparam name="T">The record or class. See <see cref="Contract.Of{T}"/>.</typeparam>
    /// <param name="store">The object store's name.</param>
    /// <param name="glob">Which files, as <see cref="IObjectStore.ListAsync"/> takes it.</param>
    /// <param name="options">How the files are written.</param>
    /// <exception cref="DataPlatformException">A property of <typeparamref name="T"/> cannot be a column.</exception>
    public static FileSource<T> JsonLines<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string store, string glob, JsonOptions? options = null) where T : notnull => new FileSource<T>(new(store), glob, new JsonFormat(options ?? new(), null));

    /// <inheritdoc cref="JsonLines{T}(string, string, JsonOptions?)"/>
    public static FileSource<T> JsonLines<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(IObjectStore store, string glob, JsonOptions? options = null) where T : notnull => new FileSource<T>(Of(store), glob, new JsonFormat(options ?? new(), null));

    /// <summary>JSON Lines files, one object a line, whose columns are found by reading the beginning of the first new one; those of an existing table keep its types.</summary>
    /// <param name="store">The object store's name.</param>
    /// <param name="glob">Which files, as <see cref="IObjectStore.ListAsync"/> takes it.</param>
    /// <param name="options">How the files are written.</param>
    public static FileSource JsonLines(string store, string glob, JsonOptions? options = null) => new FileSource(new(store), glob, new JsonFormat(options ?? new(), null), null);

    /// <inheritdoc cref="JsonLines(string, string, JsonOptions?)"/>
    public static FileSource JsonLines(IObjectStore store, string glob, JsonOptions? options = null) => new FileSource(Of(store), glob, new JsonFormat(options ?? new(), null), null);

    /// <summary>JSON files that hold an array of objects, whose columns a record declares. They are read as they come: a file may be of any size.</summary>
    /// <typeparam name="T">The record or class. See <see cref="Contract.Of{T}"/>.</typeparam>
    /// <param name="store">The object store's name.</param>
    /// <param name="glob">Which files, as <see cref="IObjectStore.ListAsync"/> takes it.</param>
    /// <param name="records">Where the array is: <c>$</c> when the file is the array, else a path such as <c>$.data.items</c> or <c>$['data set']</c>.</param>
    /// <param name="options">How rows are read.</param>
    /// <exception cref="DataPlatformException">A property of <typeparamref name="T"/> cannot be a column, or <paramref name="records"/> is not a path.</exception>
    public static FileSource<T> Json<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string store, string glob, string records = "$", JsonOptions? options = null) where T : notnull => new FileSource<T>(new(store), glob, new JsonFormat(options ?? new(), JsonPath.Parse(records)));

    /// <inheritdoc cref="Json{T}(string, string, string, JsonOptions?)"/>
    public static FileSource<T> Json<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(IObjectStore store, string glob, string records = "$", JsonOptions? options = null) where T : notnull => new FileSource<T>(Of(store), glob, new JsonFormat(options ?? new(), JsonPath.Parse(records)));

    /// <summary>JSON files that hold an array of objects, whose columns are found by reading the beginning of the first new one; those of an existing table keep its types.</summary>
    /// <param name="store">The object store's name.</param>
    /// <param name="glob">Which files, as <see cref="IObjectStore.ListAsync"/> takes it.</param>
    /// <param name="records">Where the array is: <c>$</c> when the file is the array, else a path such as <c>$.data.items</c> or <c>$['data set']</c>.</param>
    /// <param name="options">How rows are read.</param>
    /// <exception cref="DataPlatformException"><paramref name="records"/> is not a path.</exception>
    public static FileSource Json(string store, string glob, string records = "$", JsonOptions? options = null) => new FileSource(new(store), glob, new JsonFormat(options ?? new(), JsonPath.Parse(records)), null);

    /// <inheritdoc cref="Json(string, string, string, JsonOptions?)"/>
    public static FileSource Json(IObjectStore store, string glob, string records = "$", JsonOptions? options = null) => new FileSource(Of(store), glob, new JsonFormat(options ?? new(), JsonPath.Parse(records)), null);

    /// <summary>Parquet files whose columns a record declares; they are found by name. Memory holds one row group at a time.</summary>
    /// <typeparam name="T">The record or class. See <see cref="Contract.Of{T}"/>.</typeparam>
    /// <param name="store">The object store's name.</param>
    /// <param name="glob">Which files, as <see cref="IObjectStore.ListAsync"/> takes it.</param>
    /// <exception cref="DataPlatformException">A property of <typeparamref name="T"/> cannot be a column.</exception>
    public static FileSource<T> Parquet<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string store, string glob) where T : notnull => new FileSource<T>(new(store), glob, new ParquetFormat());

    /// <inheritdoc cref="Parquet{T}(string, string)"/>
    public static FileSource<T> Parquet<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(IObjectStore store, string glob) where T : notnull => new FileSource<T>(Of(store), glob, new ParquetFormat());

    /// <summary>Parquet files whose columns are those of the first new one; those of an existing table keep its types. Nested columns are left out. Memory holds one row group at a time.</summary>
    /// <param name="store">The object store's name.</param>
    /// <param name="glob">Which files, as <see cref="IObjectStore.ListAsync"/> takes it.</param>
    public static FileSource Parquet(string store, string glob) => new FileSource(new(store), glob, new ParquetFormat(), null);

    /// <inheritdoc cref="Parquet(string, string)"/>
    public static FileSource Parquet(IObjectStore store, string glob) => new FileSource(Of(store), glob, new ParquetFormat(), null);

    /// <summary>What was landed in an object store, by <c>IntoLake</c> or <c>LandIn</c>, and has the columns that a record declares: the files of each manifest, once.</summary>
    /// <typeparam name="T">The record or class. See <see cref="Contract.Of{T}"/>.</typeparam>
    /// <param name="store">The object store's name.</param>
    /// <param name="prefix">The landing zone, such as <c>landing/trips</c>.</param>
    /// <exception cref="DataPlatformException">A property of <typeparamref name="T"/> cannot be a column.</exception>
    public static ISource<T> Landing<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string store, string prefix) where T : notnull => new FileSource<T>(new(store), LandingZone.ManifestGlob(prefix), new LandingFormat());

    /// <inheritdoc cref="Landing{T}(string, string)"/>
    public static ISource<T> Landing<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(IObjectStore store, string prefix) where T : notnull => new FileSource<T>(Of(store), LandingZone.ManifestGlob(prefix), new LandingFormat());

    /// <summary>What was landed in an object store, by <c>IntoLake</c> or <c>LandIn</c>, with the columns that it has: the files of each manifest, once.</summary>
    /// <param name="store">The object store's name.</param>
    /// <param name="prefix">The landing zone, such as <c>landing/trips</c>.</param>
    public static ISource Landing(string store, string prefix) => new FileSource(new(store), LandingZone.ManifestGlob(prefix), new LandingFormat(), null);

    /// <inheritdoc cref="Landing(string, string)"/>
    public static ISource Landing(IObjectStore store, string prefix) => new FileSource(Of(store), LandingZone.ManifestGlob(prefix), new LandingFormat(), null);

    /// <summary>Rows of a web API, whose columns a record declares. They are typed as they come in, page by page, in memory of a few batches.</summary>
    /// <example><code>
    /// From.Http&lt;Order&gt;("shop", "orders", http => http.Records("$.items").Paginate(Pages.NextLink("$.next")))
    /// </code></example>
    /// <typeparam name="T">The record or class. See <see cref="Contract.Of{T}"/>.</typeparam>
    /// <param name="api">The API's name.</param>
    /// <param name="path">The path below the API's address.</param>
    /// <param name="configure">Where in the answers the rows are, how there are more pages, and what is asked for.</param>
    /// <exception cref="DataPlatformException">A property of <typeparamref name="T"/> cannot be a column.</exception>
    public static HttpSource<T> Http<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string api, string path, Action<HttpSourceBuilder>? configure = null) where T : notnull => new HttpSource<T>(new(api), Configure(path, configure));

    /// <inheritdoc cref="Http{T}(string, string, Action{HttpSourceBuilder}?)"/>
    public static HttpSource<T> Http<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(HttpApi api, string path, Action<HttpSourceBuilder>? configure = null) where T : notnull => new HttpSource<T>(Of(api), Configure(path, configure));

    /// <summary>Rows of a web API, whose columns are found by looking at the first page; those of an existing table keep its types.</summary>
    /// <param name="api">The API's name.</param>
    /// <param name="path">The path below the API's address.</param>
    /// <param name="configure">Where in the answers the rows are, how there are more pages, and what is asked for.</param>
    public static HttpSource Http(string api, string path, Action<HttpSourceBuilder>? configure = null) => new HttpSource(new(api), Configure(path, configure), null);

    /// <inheritdoc cref="Http(string, string, Action{HttpSourceBuilder}?)"/>
    public static HttpSource Http(HttpApi api, string path, Action<HttpSourceBuilder>? configure = null) => new HttpSource(Of(api), Configure(path, configure), null);

    /// <summary>Rows of a query or table whose columns a record declares. All of them each time, unless <see cref="SqlSource{T}.Incremental"/> says how it goes on.</summary>
    /// <example><code>
    /// pipeline.Ingest("orders", From.Sql&lt;Order&gt;("crm", "sales.orders").Incremental(order => order.UpdatedAt))
    ///         .Into("warehouse", "raw.orders", load => load.Merge(order => order.Id));
    /// </code></example>
    /// <typeparam name="T">The record or class. See <see cref="Contract.Of{T}"/>.</typeparam>
    /// <param name="database">The name of a warehouse, or of a <see cref="DbDataSource"/> that is registered under it as a keyed service.</param>
    /// <param name="query">One SELECT, the name of a table, or the path of a file ending in <c>.sql</c> that holds a SELECT; see <see cref="SqlQuery"/>.</param>
    /// <exception cref="DataPlatformException">A property of <typeparamref name="T"/> cannot be a column.</exception>
    public static SqlSource<T> Sql<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string database, string query) where T : notnull => new(Database(database), query);

    /// <inheritdoc cref="Sql{T}(string, string)"/>
    /// <param name="warehouse">The warehouse.</param>
    /// <param name="query">One SELECT, the name of a table, or the path of a file ending in <c>.sql</c> that holds a SELECT; see <see cref="SqlQuery"/>.</param>
    public static SqlSource<T> Sql<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(IWarehouse warehouse, string query) where T : notnull => new(Database(warehouse), query);

    /// <inheritdoc cref="Sql{T}(string, string)"/>
    /// <param name="name">What the database is called in messages.</param>
    /// <param name="database">The database.</param>
    /// <param name="query">One SELECT, the name of a table, or the path of a file ending in <c>.sql</c> that holds a SELECT; see <see cref="SqlQuery"/>.</param>
    public static SqlSource<T> Sql<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string name, DbDataSource database, string query) where T : notnull => new(Database(name, database), query);

    /// <summary>Rows of a query or table, with the columns that it has; those of an existing table keep its types.</summary>
    /// <param name="database">The name of a warehouse, or of a <see cref="DbDataSource"/> that is registered under it as a keyed service.</param>
    /// <param name="query">One SELECT, the name of a table, or the path of a file ending in <c>.sql</c> that holds a SELECT; see <see cref="SqlQuery"/>.</param>
    public static SqlSource Sql(string database, string query) => new(Database(database), query, null, null);

    /// <inheritdoc cref="Sql(string, string)"/>
    /// <param name="warehouse">The warehouse.</param>
    /// <param name="query">One SELECT, the name of a table, or the path of a file ending in <c>.sql</c> that holds a SELECT; see <see cref="SqlQuery"/>.</param>
    public static SqlSource Sql(IWarehouse warehouse, string query) => new(Database(warehouse), query, null, null);

    /// <inheritdoc cref="Sql(string, string)"/>
    /// <param name="name">What the database is called in messages.</param>
    /// <param name="database">The database.</param>
    /// <param name="query">One SELECT, the name of a table, or the path of a file ending in <c>.sql</c> that holds a SELECT; see <see cref="SqlQuery"/>.</param>
    public static SqlSource Sql(string name, DbDataSource database, string query) => new(Database(name, database), query, null, null);

    /// <summary>
    /// Rows that a function gives, all of them each time: for small things such as a list in code. A source that goes on where it
    /// stopped implements <see cref="ISource{T}"/>.
    /// </summary>
    /// <typeparam name="T">The record or class. See <see cref="Contract.Of{T}"/>.</typeparam>
    /// <param name="name">What the rows are said to be from.</param>
    /// <param name="read">Gives the rows.</param>
    /// <exception cref="DataPlatformException">A property of <typeparamref name="T"/> cannot be a column.</exception>
    public static ISource<T> Rows<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string name, Func<SourceContext, CancellationToken, IAsyncEnumerable<T>> read) where T : class
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(read);
        return new RowSource<T>(name, read);
    }

    private static SqlOrigin Database(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new SqlOrigin(name);
    }

    private static SqlOrigin Database(IWarehouse warehouse)
    {
        ArgumentNullException.ThrowIfNull(warehouse);
        return new SqlOrigin(warehouse.Name, warehouse);
    }

    private static SqlOrigin Database(string name, DbDataSource source)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(source);
        return new SqlOrigin(name, DataSource: source);
    }

    private static Connection<HttpApi> Of(HttpApi api)
    {
        ArgumentNullException.ThrowIfNull(api);
        return new Connection<HttpApi>(api.Name, api);
    }

    private static HttpSourceSettings Configure(string path, Action<HttpSourceBuilder>? configure)
    {
        ArgumentNullException.ThrowIfNull(path);
        var builder = new HttpSourceBuilder();
        configure?.Invoke(builder);
        return builder.Build(path);
    }

    private static Connection<IObjectStore> Of(IObjectStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        return new Connection<IObjectStore>(store.Name, store);
    }
}
