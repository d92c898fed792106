using System.Globalization;
using System.Text;
using CsCheck;
using DataPlatform.Ingestion;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Ingestion;

/// <summary>What becomes of a table when what is loaded into it changes, whatever the warehouse.</summary>
public abstract class ContractConformance(string system) : IAsyncLifetime
{
    private readonly ScratchFolder _folder = new();
    private FolderObjectStore _store = null!;
    private OpenedWarehouse _opened = null!;
    private RunLedgers _ledgers = null!;

    private IWarehouse Warehouse => _opened.Warehouse;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _opened = await OpenedWarehouse.OpenAsync(system);
        _store = new FolderObjectStore("lake", _folder.Combine("lake"));
        _ledgers = new RunLedgers(Warehouse);
    }

    public async ValueTask DisposeAsync()
    {
        await _ledgers.DisposeAsync();
        await _opened.DisposeAsync();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task New_columns_and_wider_types_of_a_record_are_given_to_the_table()
    {
        await LoadAsync<First>("a.csv", "id,fare,distance\n1,1.25,0.5\n");
        var result = await LoadAsync<Second>("b.csv", "id,fare,distance,note\n3000000000,123456.125,0.1,new\n", c => c.Columns(OnChange.Evolve).Types(OnChange.Evolve));

        result.Failure.Should().BeNull();
        (await ColumnsAsync()).Should().Equal("id int64", "fare decimal(9,3)", "distance double", "_load_id int64", "note text");
        (await RowsAsync("id, fare, distance, note")).Should().BeEquivalentTo(
            new object?[][] { [1L, 1.25m, 0.5, null], [3000000000L, 123456.125m, 0.1, "new"] }, options => options.WithStrictOrdering());
        (await QueryAsync("SELECT detail FROM dataplatform.audit_events WHERE action = 'table.alter' AND subject = 'raw.trips'")).Should().ContainSingle().Which[0].Should()
            .BeOfType<string>().Which.Should().EndWith(": id becomes int64 from int32, fare becomes decimal(9,3) from decimal(6,2), distance becomes double from float, note text is added");
    }

    [Fact]
    public async Task Lists_of_a_record_are_columns_which_widen_and_which_text_and_json_arrays_go_into()
    {
        await LoadAsync<Listed>("a.csv", "id,numbers,tags\n1,\"[1, -2]\",\"[\"\"a\"\",null,\"\"ß,\\u0062\"\"]\"\n2,[],\n");
        (await ColumnsAsync()).Should().Equal("id int32", "numbers int32[]", "tags text[]", "_load_id int64");
        (await LoadAsync<ListedWide>("b.csv", "id,numbers,tags\n3,[3000000000],[]\n")).Failure!.Message.Should().EndWith("column numbers is int32[] there and int64[] in the contract.");
        (await LoadAsync<ListedWide>("c.csv", "id,numbers,tags\n3,[3000000000],[]\n", c => c.Types(OnChange.Evolve))).Failure.Should().BeNull();

        // Columns that are found by looking: those of the table.
        var result = await LoadAsync("d.jsonl", """
            {"id": 4, "numbers": [5, "6", null], "tags": ["x\n", 7]}
            {"id": 5, "numbers": [1, "x"], "tags": []}
            {"id": 6, "numbers": 7}
            {"id": 7, "numbers": [[1]], "tags": ["t"]}
            {"id": 8, "numbers": {"a": 1}}
            {"id": 9, "numbers": [], "tags": [{"a": 1}]}
            """);
        (result.RowsWritten, result.RowsRejected).Should().Be((2, 4));
        (await ColumnsAsync()).Should().Equal("id int32", "numbers int64[]", "tags text[]", "_load_id int64");
        (await RowsAsync("id, numbers, tags")).ShouldEqual(
        [
            [1, new object?[] { 1L, -2L }, new object?[] { "a", null, "ß,b" }], [2, System.Array.Empty<object?>(), null], [3, new object?[] { 3000000000L }, System.Array.Empty<object?>()],
            [4, new object?[] { 5L, 6L, null }, new object?[] { "x\n", "7" }], [9, System.Array.Empty<object?>(), new object?[] { "{\"a\": 1}" }],
        ]);
        (await QueryAsync("SELECT column_name, reason FROM dataplatform.quarantine ORDER BY position")).ShouldEqual(
        [
            ["numbers", "'[1, \"x\"]' is not an int64[]: element 2: 'x' is not an int64"], ["numbers", "'7' is not an int64[]: it is not a JSON array"],
            ["numbers", "'[[1]]' is not an int64[]: element 1: '[1]' is not an int64"], ["numbers", "'{\"a\": 1}' is not an int64[]: it is not a JSON array"],
        ]);
    }

    [Fact]
    public async Task Arrays_that_are_found_by_looking_stay_json()
    {
        await LoadAsync("a.jsonl", "{\"id\": 1, \"tags\": [\"a\"]}\n");
        (await ColumnsAsync()).Should().Equal("id int64", "tags json", "_load_id int64");
    }

    [Fact]
    public async Task An_older_record_goes_on_loading_into_a_table_that_became_wider()
    {
        await LoadAsync<Second>("a.csv", "id,fare,distance,note\n3000000000,123456.125,0.1,new\n");
        (await LoadAsync<First>("b.csv", "id,fare,distance\n1,1.25,0.5\n", c => c.Types(OnChange.Evolve))).Failure.Should().BeNull();
        (await ColumnsAsync()).Should().Equal("id int64", "fare decimal(9,3)", "distance double", "note text", "_load_id int64");
        (await RowsAsync("id, fare, distance, note"))[0].Should().Equal(1L, 1.25m, 0.5, null);

        // The rules of the record hold in the wider column too.
        var refused = await LoadAsync<First>("c.csv", "id,fare,distance\n1,-1,0.5\n", c => c.Types(OnChange.Evolve));
        refused.Failure!.Message.Should().Contain("'-1' is not between 0 and 1000");
    }

    [Fact]
    public async Task A_change_that_would_lose_values_names_column_and_types_and_loads_nothing()
    {
        await LoadAsync<First>("a.csv", "id,fare,distance\n1,1.25,0.5\n");
        var result = await LoadAsync<Third>("b.csv", "id,fare,distance,extra\nx,1.5,true,1\n", c => c.Types(OnChange.Evolve));
        result.Failure!.Class.Should().Be(FailureClass.Data);
        result.Failure.Message.Should().Be(
            "Rows of lake:b.csv do not fit into raw.trips: column id is int32 there and text in the contract, which would lose values; "
            + "column fare is decimal(6,2) there and double in the contract, which would lose values; column distance is float there and boolean in the contract, which would lose values; "
            + "it has no column extra (int32).");
        (await ColumnsAsync()).Should().Equal("id int32", "fare decimal(6,2)", "distance float", "_load_id int64");

        (await LoadAsync<OfText>("c.csv", "id,fare,distance\nx,1.5,true\n", c => c.Types(OnChange.Evolve, toText: true))).Failure.Should().BeNull();
        (await ColumnsAsync()).Should().Equal("id text", "fare text", "distance text", "_load_id int64");
        (await RowsAsync("id, fare, distance")).Should().BeEquivalentTo(new object?[][] { ["1", "1.25", "0.5"], ["x", "1.5", "true"] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task A_load_that_fails_leaves_the_table_as_it_was()
    {
        await LoadAsync<First>("a.csv", "id,fare,distance\n1,1.25,0.5\n");
        (await LoadAsync<Second>("b.csv", "id,fare,distance,note\nx,1,1,new\n", c => c.Columns(OnChange.Evolve).Types(OnChange.Evolve))).Status.Should().Be(RunStatus.Failed);
        (await ColumnsAsync()).Should().Equal("id int32", "fare decimal(6,2)", "distance float", "_load_id int64");
    }

    [Fact]
    public async Task A_view_in_the_way_is_named_where_there_is_such_a_thing()
    {
        await LoadAsync<First>("a.csv", "id,fare,distance\n1,1.25,0.5\n");
        await using (var transaction = await Warehouse.BeginAsync(Token))
        {
            await transaction.ReplaceViewAsync("marts.ids", "SELECT id FROM raw.trips", Token);
            await transaction.CommitAsync(Token);
        }

        var result = await LoadAsync<Second>("b.csv", "id,fare,distance,note\n2,1,1,new\n", c => c.Columns(OnChange.Evolve).Types(OnChange.Evolve));
        if (Warehouse.System == "duckdb")
        {
            // There views follow their columns.
            result.Failure.Should().BeNull();
            (await QueryAsync("SELECT id FROM marts.ids ORDER BY id")).Select(row => row[0]).Should().Equal(1L, 2L);
            return;
        }

        result.Failure!.Class.Should().Be(FailureClass.Configuration);
        result.Failure.Message.Should().Contain("marts.ids");
        (await RowsAsync("id")).Should().ContainSingle();
    }

    [Fact]
    public async Task A_missing_table_may_be_what_fails()
    {
        var result = await LoadAsync<First>("a.csv", "id,fare,distance\n1,1.25,0.5\n", c => c.Tables(OnChange.Freeze));
        result.Failure!.Class.Should().Be(FailureClass.Data);
        result.Failure.Message.Should().Be("There is no table raw.trips, and the contract does not let it be created.");
    }

    [Theory]
    [InlineData(null, "id int64,city text,_load_id int64", "1 Basel|2 Zug", 0)]
    [InlineData(OnChange.DiscardValue, "id int64,city text,_load_id int64", "1 Basel|2 Zug", 0)]
    [InlineData(OnChange.Evolve, "id int64,city text,_load_id int64,temp double", "1 Basel -|2 Zug 1.5", 0)]
    [InlineData(OnChange.DiscardRow, "id int64,city text,_load_id int64", "1 Basel", 1)]
    public async Task Columns_that_a_file_has_and_the_table_has_not_are_dealt_with_as_said(OnChange? mode, string columns, string rows, int rejected)
    {
        await LoadAsync("a.jsonl", "{\"id\":1,\"city\":\"Basel\"}\n");
        var result = await LoadAsync("b.jsonl", "{\"id\":2,\"city\":\"Zug\",\"temp\":1.5,\"never\":null}\n", c => _ = mode is { } m ? c.Columns(m) : c);

        result.Failure.Should().BeNull();
        result.RowsRejected.Should().Be(rejected);
        (await ColumnsAsync()).Should().Equal(columns.Split(','));
        var selected = await RowsAsync($"id, city{(mode == OnChange.Evolve ? ", temp" : "")}");
        string.Join('|', selected.Select(row => string.Join(' ', row.Select(value => Convert.ToString(value ?? "-", CultureInfo.InvariantCulture))))).Should().Be(rows);
        if (rejected > 0)
        {
            (await QueryAsync("SELECT column_name, reason FROM dataplatform.quarantine")).Should().ContainSingle()
                .Which.Should().Equal("temp", "'1.5' is in a column that the table does not have");
        }
    }

    [Fact]
    public async Task Freezing_refuses_a_file_with_other_columns_or_types_before_the_first_row()
    {
        await LoadAsync("a.jsonl", "{\"id\":1,\"city\":\"Basel\"}\n");
        (await LoadAsync("b.jsonl", "{\"id\":2,\"city\":\"Zug\"}\n", c => c.Columns(OnChange.Freeze).Types(OnChange.Freeze))).Failure.Should().BeNull();
        var result = await LoadAsync("c.jsonl", "{\"id\":\"x\",\"city\":\"Zug\",\"temp\":1.5}\n", c => c.Columns(OnChange.Freeze).Types(OnChange.Freeze));
        result.Failure!.Message.Should().Be("Rows of lake:c.jsonl do not fit into raw.trips: column id is int64 there and text in the source; it has no column temp (double).");
        result.RowsRead.Should().Be(0);
        (await RowsAsync("id")).Select(row => row[0]).Should().Equal(1L, 2L);
    }

    [Theory]
    [InlineData(null, "1 2", 1)]
    [InlineData(OnChange.DiscardRow, "1 2", 1)]
    [InlineData(OnChange.DiscardValue, "1 2 -", 0)]
    public async Task A_value_of_another_type_costs_its_row_or_itself(OnChange? mode, string ids, int rejected)
    {
        await LoadAsync("a.jsonl", "{\"id\":1,\"city\":\"Basel\"}\n");
        var result = await LoadAsync("b.jsonl", "{\"id\":2,\"city\":\"Zug\"}\n{\"id\":\"x\",\"city\":\"Chur\"}\n", c => _ = mode is { } m ? c.Types(m) : c);
        result.Failure.Should().BeNull();
        result.RowsRejected.Should().Be(rejected);
        (await QueryAsync("SELECT id FROM raw.trips ORDER BY id NULLS LAST")).Select(row => row[0]?.ToString() ?? "-").Should().Equal(ids.Split(' '));
    }

    /// <summary>A table that grows with random contracts holds, load for load, what a dictionary of columns would.</summary>
    [Fact]
    public async Task A_table_that_evolves_holds_what_a_model_says() => await Histories.SampleAsync(
        async history =>
        {
            var table = new TableName("evolving", $"t{Guid.NewGuid():N}");
            var model = new EvolvingModel();
            for (var i = 0; i < history.Count; i++)
            {
                var load = history[i];
                var file = $"{table.Name}/{i}.csv";
                await PutAsync(file, load.ToCsv());
                var result = await RunAsync(new GivenContract(From.Csv(_store, file), load.ToContract()), table, c => c.Columns(OnChange.Evolve).Types(OnChange.Evolve), step: $"t{i}");
                if (model.TryLoad(load)) result.Failure.Should().BeNull();
                else result.Failure!.Message.Should().Contain("which would lose values");
                (await ColumnsAsync(table)).Should().BeEquivalentTo(model.Columns);
                var names = model.Names;
                var rows = await QueryAsync($"SELECT {string.Join(", ", names.Select(n => $"CAST({TableName.Quote(n)} AS {model.CastOf(n)})"))} FROM {table.ToSql()} ORDER BY nr");
                rows.Select(row => string.Join('|', row.Select(v => Convert.ToString(v ?? "-", CultureInfo.InvariantCulture)))).Should().Equal(model.Rows);
            }
        },
        iter: 25, threads: 1);

    private static Gen<List<EvolvingLoad>> Histories { get; } =
        Gen.Select(Gen.Int[0, EvolvingLoad.Types.Length - 1].Select(i => EvolvingLoad.Types[i]).Array[3], Gen.Bool.Array[3], Gen.Int[0, 30_000].Array[1, 3]).Select((types, present, values) => new EvolvingLoad(types, present, values)).List[2, 5];

    private Task<StepResult> LoadAsync<T>(string file, string text, Action<ContractBuilder>? contract = null) where T : notnull => PutAndRunAsync(From.Csv<T>(_store, file), file, text, contract);

    private Task<StepResult> LoadAsync(string file, string text, Action<ContractBuilder>? contract = null) => PutAndRunAsync(From.JsonLines(_store, file), file, text, contract);

    private async Task<StepResult> PutAndRunAsync(ISource source, string file, string text, Action<ContractBuilder>? contract)
    {
        await PutAsync(file, text);
        return await RunAsync(source, "raw.trips", contract ?? (_ => { }));
    }

    private async Task PutAsync(string file, string text) => await _store.PutAsync(file, new MemoryStream(Encoding.UTF8.GetBytes(text)), cancellationToken: Token);

    private async Task<StepResult> RunAsync(ISource source, TableName table, Action<ContractBuilder> contract, string step = "trips")
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest(step, source).Into(Warehouse, table, load => load.Append().Contract(contract).Quarantine(step == "trips" && source.Contract is null ? 1 : 0));
        return (await new PipelineRunner(_ledgers).RunAsync(builder.Build(), cancellationToken: Token)).Steps[0];
    }

    private Task<IReadOnlyList<string>> ColumnsAsync() => ColumnsAsync("raw.trips");

    private async Task<IReadOnlyList<string>> ColumnsAsync(TableName table)
    {
        await using var transaction = await Warehouse.BeginAsync(Token);
        return [.. (await transaction.DescribeAsync(table, Token))!.FieldsList.Select(field => $"{field.Name} {ColumnTypeName.Of(field)}")];
    }

    private Task<IReadOnlyList<object?[]>> RowsAsync(string columns) => QueryAsync($"SELECT {columns} FROM raw.trips ORDER BY id");

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(Token);
        return await transaction.QueryAsync(sql, cancellationToken: Token);
    }

    private sealed record First(int Id, [property: Precision(6, 2), System.ComponentModel.DataAnnotations.Range(0, 1000)] decimal Fare, float Distance);

    private sealed record Second(long Id, [property: Precision(9, 3)] decimal Fare, double Distance, string? Note);

    private sealed record Third(string Id, double Fare, bool Distance, int Extra);

    private sealed record Listed(int Id, int[] Numbers, IReadOnlyList<string?>? Tags);

    private sealed record ListedWide(int Id, List<long> Numbers, string[]? Tags);

    private sealed record OfText(string Id, string Fare, string Distance);

    /// <summary>A source with a contract that is put together at run time.</summary>
    private sealed class GivenContract(ISource inner, Contract contract) : ISource
    {
        public string Description => inner.Description;

        public Contract? Contract => contract;

        public IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, CancellationToken cancellationToken) => inner.ReadAsync(context, cancellationToken);
    }
}

public sealed class DuckDbContractTests() : ContractConformance("duckdb");

public sealed class PostgreSqlContractTests() : ContractConformance("postgresql");
