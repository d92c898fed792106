using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion.Tests.Sources;

/// <summary>Which types are found by looking at data.</summary>
public sealed class InferenceTests : IDisposable
{
    private readonly Inbox _inbox = new();

    public void Dispose() => _inbox.Dispose();

    [Theory]
    [InlineData("int64", "1", "-2", "0", "9223372036854775807")]
    [InlineData("double", "1", "2.5", "-1e-3")]
    [InlineData("double", "0.1", "12345.678901234567")]
    [InlineData("date", "2024-01-31", "1999-12-01")]
    [InlineData("timestamp", "2024-01-31 10:00:00", "2024-01-31T10:00")]
    [InlineData("timestamp with time zone", "2024-01-31T10:00:00Z", "2024-01-31 10:00:00+02:00")]
    [InlineData("boolean", "true", "FALSE", "True")]
    [InlineData("int64", "0", "1")]
    [InlineData("text", "007", "42")]
    [InlineData("text", "+49", "1")]
    [InlineData("text", "9223372036854775808")]
    [InlineData("text", "3.14159265358979323846")]
    [InlineData("text", "2024-01-31", "2024-01-31 10:00:00")]
    [InlineData("text", "2024-01-31 10:00:00", "2024-01-31 10:00:00Z")]
    [InlineData("text", "true", "1")]
    [InlineData("text", "NaN")]
    [InlineData("text", "a")]
    [InlineData("text", "", "")]
    [InlineData("int64", "", "1", "")]
    public async Task A_csv_column_gets_the_narrowest_type_that_loses_nothing(string type, params string[] values)
    {
        _inbox.With("a.csv", "key,value\n" + string.Concat(values.Select(value => $"k,{value}\n")));
        var contract = await InferAsync(From.Csv(_inbox.Store, "*"));
        contract!.ToString().Should().Be($"key text\nvalue {type}");
    }

    [Fact]
    public async Task Column_names_are_normalised_and_those_without_a_name_get_one()
    {
        _inbox.With("a.csv", "Start Time,,TripId\n1,2,3\n");
        (await InferAsync(From.Csv(_inbox.Store, "*")))!.Columns.Select(c => c.Name).Should().Equal("start_time", "column_2", "trip_id");
    }

    [Fact]
    public async Task Without_a_header_columns_are_numbered()
    {
        _inbox.With("a.csv", "1,x\n2,y\n");
        var result = await ReadResult.OfAsync(From.Csv(_inbox.Store, "*", new CsvOptions { HasHeader = false }));
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L, "x"], [2L, "y"] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Names_that_collide_are_refused()
    {
        var failure = await ReadResult.FailureOfAsync(From.Csv(_inbox.With("a.csv", "Trip Id,trip_id\n1,2\n").Store, "*"));
        failure.Message.Should().Be("lake:a.csv has columns 'Trip Id' and 'trip_id', which both give a column trip_id.");
    }

    [Fact]
    public async Task Columns_of_the_target_keep_their_types_and_others_are_left_out()
    {
        _inbox.With("a.csv", "id,zip,extra\n1,12345,x\n").With("b.csv", "id,zip\n2,02134\n");
        var target = new Schema([new Field("zip", StringType.Default, true), new Field("id", Int32Type.Default, false), ColumnTypes.Json("tags")], null);
        var source = From.Csv(_inbox.Store, "*");
        var context = new SourceContext { Target = target };
        var settings = new IngestSettings(source, new("warehouse"), "raw.places", WriteDisposition.Append, null, 0);
        var fitted = TargetFit.Adapt((await source.InferContractAsync(context, TestContext.Current.CancellationToken))!, new Schema([.. target.FieldsList, new Field("_load_id", Int64Type.Default, false)], null), settings);
        var result = await ReadResult.OfAsync(source, context.With(fitted), fitted);
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1, "12345"], [2, "02134"] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task A_row_that_does_not_fit_what_was_inferred_is_rejected()
    {
        _inbox.With("a.csv", "id\n" + string.Concat(Enumerable.Range(0, 60_000).Select(i => $"{i}\n")) + "late\n");
        var result = await ReadResult.OfAsync(From.Csv(_inbox.Store, "*"));
        result.Rows.Should().HaveCount(60_000);
        result.Rejected.Should().ContainSingle().Which.Should().Match<Ledger.RejectedRow>(row => row.Position == 60_002 && row.Reason == "'late' is not an int64");
    }

    [Fact]
    public async Task The_first_new_file_that_is_not_empty_is_looked_at()
    {
        _inbox.With("a.csv", "").With("b.csv", "id\n1\n");
        (await InferAsync(From.Csv(_inbox.Store, "*")))!.ToString().Should().Be("id int64");
        (await InferAsync(From.Csv(_inbox.Store, "nothing*"))).Should().BeNull();
    }

    [Fact]
    public async Task Json_keys_become_columns_in_the_order_they_are_met()
    {
        _inbox.With(
            "a.jsonl",
            """
            {"stationId": 1, "temp": 2, "at": "2024-01-01T00:00:00Z", "ok": true, "tags": ["a"], "zip": "12345", "note": null}
            {"stationId": 2, "temp": 2.5, "at": "2024-01-02T00:00:00Z", "ok": false, "tags": 7, "zip": "", "wind": {"speed": 3}}
            """);
        (await InferAsync(From.JsonLines(_inbox.Store, "*")))!.ToString().Should().Be(
            "station_id int64\ntemp double\nat timestamp with time zone\nok boolean\ntags json\nzip text\nnote text\nwind json");
    }

    [Fact]
    public async Task Objects_are_taken_apart_as_deep_as_asked_for()
    {
        _inbox.With(
            "a.jsonl",
            """
            {"id": 1, "address": {"city": "Bern", "zip": "3011", "geo": {"lat": 46.9, "lon": 7.4}}, "tags": [{"a": 1}]}
            {"id": 2, "address": {"city": "Thun", "since": "2024-01-31"}, "empty": {}}
            """);
        (await InferAsync(From.JsonLines(_inbox.Store, "*", new JsonOptions { MaxNesting = 1 })))!.ToString().Should().Be(
            "id int64\naddress_city text\naddress_zip text\naddress_geo json\ntags json\naddress_since date");
        (await InferAsync(From.JsonLines(_inbox.Store, "*", new JsonOptions { MaxNesting = 2 })))!.ToString().Should().Be(
            "id int64\naddress_city text\naddress_zip text\naddress_geo_lat double\naddress_geo_lon double\ntags json\naddress_since date");
        (await InferAsync(From.JsonLines(_inbox.Store, "*")))!.ToString().Should().Be("id int64\naddress json\ntags json\nempty json");
    }

    [Fact]
    public async Task Names_that_collide_when_objects_are_taken_apart_are_refused()
    {
        _inbox.With("a.jsonl", "{\"address\":{\"city\":\"Bern\"},\"address_city\":\"Thun\"}");
        (await ReadResult.FailureOfAsync(From.JsonLines(_inbox.Store, "*", new JsonOptions { MaxNesting = 1 }))).Message.Should().Be(
            "lake:a.jsonl has columns 'address.city' and 'address_city', which both give a column address_city.");
    }

    [Fact]
    public async Task A_json_array_is_told_from_json_lines()
    {
        var failure = await ReadResult.FailureOfAsync(From.JsonLines(_inbox.With("a.json", "[{\"a\": 1},\n{\"a\": 2}]").Store, "*"));
        failure.Message.Should().Be("lake:a.json holds one JSON array, not an object a line.");
        failure.Hint.Should().Be("Read it with From.Json.");
    }

    private static ValueTask<Contract?> InferAsync(ISource source) => source.InferContractAsync(new SourceContext(), TestContext.Current.CancellationToken);
}
