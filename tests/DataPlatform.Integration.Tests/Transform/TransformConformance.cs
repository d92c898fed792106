using System.Text.Json;
using CsCheck;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Testing;
using DataPlatform.Transform;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Integration.Tests.Transform;

/// <summary>What SQL steps, row transforms and checks promise on whatever warehouse.</summary>
public abstract class TransformConformance(string system) : IAsyncLifetime
{
    private static readonly DateOnly RunDate = new(2026, 3, 2);

    private readonly ScratchFolder _folder = new();
    private readonly FixedTime _time = new(new DateTimeOffset(2026, 3, 2, 18, 0, 0, TimeSpan.Zero));
    private OpenedWarehouse _opened = null!;
    private RunLedgers _ledgers = null!;
    private ServiceProvider _services = null!;

    protected IWarehouse Warehouse => _opened.Warehouse;

    public async ValueTask InitializeAsync()
    {
        _opened = await OpenedWarehouse.OpenAsync(system);
        _ledgers = new RunLedgers(Warehouse);
        _services = new ServiceCollection().AddKeyedSingleton(Warehouse.Name, Warehouse).AddSingleton<TimeProvider>(_time).BuildServiceProvider();
        await ExecuteAsync("CREATE SCHEMA raw");
        await ExecuteAsync("CREATE TABLE raw.trips (trip_id bigint, station text, minutes double precision, started_at timestamp, _load_id bigint)");
        await ExecuteAsync(
            """
            INSERT INTO raw.trips VALUES
                (1, 'Bryggen', 12.5, TIMESTAMP '2026-03-01 08:10:00', 1),
                (2, 'Bryggen', -3, TIMESTAMP '2026-03-01 08:40:00', 1),
                (3, 'Nordnes', 7.25, TIMESTAMP '2026-03-01 09:05:00', 1),
                (4, 'Land''s End', 31, TIMESTAMP '2026-03-02 10:00:00', 2)
            """);
    }

    public async ValueTask DisposeAsync()
    {
        await _ledgers.DisposeAsync();
        await _services.DisposeAsync();
        await _opened.DisposeAsync();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_query_becomes_a_table_in_one_load()
    {
        var file = WriteFile("by_station.sql", """
            -- trips of {trips} longer than @min
            SELECT station, count(*) AS trips, sum(minutes) AS minutes
            FROM {trips} WHERE minutes >= @min AND station <> @other AND started_at < @run_date + INTERVAL '1 day'
            GROUP BY station; -- done
            """);
        var result = await RunAsync(p => p.Sql("by-station", file)
            .AsTable("warehouse", "marts.by_station").With("min", 0).With("other", "Land's End").Relation("trips", "raw.trips"));

        result.Failure.Should().BeNull();
        var load = (await _ledgers.Primary.ListLoadsAsync()).Should().ContainSingle().Subject;
        load.Should().BeEquivalentTo(new
        {
            Table = new TableName("marts", "by_station"),
            Step = "by-station",
            Disposition = "replace",
            Status = "committed",
            Rows = new RowBalance(2, 2),
        });
        (await QueryAsync("SELECT station, trips, minutes, _load_id FROM marts.by_station ORDER BY station")).Should().BeEquivalentTo(
            new object[][] { ["Bryggen", 1L, 12.5, load.LoadId], ["Nordnes", 1L, 7.25, load.LoadId] }, options => options.WithStrictOrdering());
        result.Steps[0].RowsWritten.Should().Be(2);
    }

    [Fact]
    public async Task A_table_is_replaced_with_other_rows_and_columns()
    {
        await RunAsync(p => p.Sql("copy", "SELECT * FROM raw.trips").AsTable("warehouse", "marts.copy"));
        var result = await RunAsync(p => p.Sql("copy", "SELECT trip_id, upper(station) AS name, _load_id FROM raw.trips WHERE trip_id = 3").AsTable("warehouse", "marts.copy"));

        result.Failure.Should().BeNull();
        var loads = await _ledgers.Primary.ListLoadsAsync();
        (await QueryAsync("SELECT * FROM marts.copy")).Should().BeEquivalentTo(new object[][] { [3L, "NORDNES", loads[0].LoadId] });
        loads.Select(load => load.Rows.Written).Should().Equal(1, 4);
    }

    [Fact]
    public async Task A_query_becomes_a_view_that_follows_its_tables()
    {
        var result = await RunAsync(p => p.Sql("long", "SELECT trip_id FROM {t} WHERE minutes > @min").Relation("t", "raw.trips").With("min", 10.0).AsView("warehouse", "marts.long_trips"));

        result.Failure.Should().BeNull();
        await ExecuteAsync("INSERT INTO raw.trips VALUES (5, 'Nordnes', 55, TIMESTAMP '2026-03-02 11:00:00', 3)");
        (await QueryAsync("SELECT trip_id FROM marts.long_trips ORDER BY trip_id")).Should().BeEquivalentTo(new object[][] { [1L], [4L], [5L] }, options => options.WithStrictOrdering());
        (await _ledgers.Primary.ListLoadsAsync()).Should().ContainSingle().Which.Should().BeEquivalentTo(new { Disposition = "view", Rows = default(RowBalance) });
    }

    [Fact]
    public async Task Broken_sql_is_shown_where_it_stands_and_leaves_everything_as_it_was()
    {
        await RunAsync(p => p.Sql("copy", "SELECT * FROM raw.trips").AsTable("warehouse", "marts.copy"));
        var file = WriteFile("broken.sql", "SELECT trip_id,\n       no_such_column\nFROM {trips} t WHERE station = @name");
        var result = await RunAsync(p => p.Sql("copy", file).Relation("trips", "raw.trips").With("name", "Bryggen").AsTable("warehouse", "marts.copy"));

        result.Failure!.Class.Should().Be(FailureClass.Configuration);
        result.Failure.Message.Should().StartWith($"{file}:2:8: ").And.Contain("no_such_column").And.EndWith("           no_such_column\n           ^");
        (await QueryAsync("SELECT count(*) FROM marts.copy")).Should().BeEquivalentTo(new object[][] { [4L] });
        (await _ledgers.Primary.ListLoadsAsync()).Should().ContainSingle();
    }

    [Fact]
    public async Task Sql_that_fails_on_the_data_leaves_everything_as_it_was()
    {
        await RunAsync(p => p.Sql("copy", "SELECT * FROM raw.trips").AsTable("warehouse", "marts.copy"));
        var result = await RunAsync(p => p.Sql("copy", "SELECT CAST(station AS integer) AS number FROM raw.trips").AsTable("warehouse", "marts.copy"));

        result.Failure!.Class.Should().Be(FailureClass.Data);
        result.Failure.Message.Should().StartWith("inline SQL").And.Contain("Bryggen");
        (await QueryAsync("SELECT count(*) FROM marts.copy")).Should().BeEquivalentTo(new object[][] { [4L] });
    }

    [Fact]
    public async Task Rows_become_records_and_records_rows()
    {
        var result = await RunAsync(p => p.Transform<TripRow, CleanTrip>("clean", trip => trip.Minutes > 0 ? new CleanTrip(trip.TripId, trip.Station.ToUpperInvariant(), TimeOnly.FromDateTime(trip.StartedAt)) : null)
            .From("warehouse", "SELECT * FROM {trips} WHERE started_at >= @from").With("from", new DateTime(2026, 3, 1)).Relation("trips", "raw.trips")
            .Into("staging.trips"));

        result.Failure.Should().BeNull();
        (await QueryAsync("SELECT trip_id, station, CAST(start AS text) FROM staging.trips ORDER BY trip_id")).Should().BeEquivalentTo(
            new object[][] { [1L, "BRYGGEN", "08:10:00"], [3L, "NORDNES", "09:05:00"], [4L, "LAND'S END", "10:00:00"] }, options => options.WithStrictOrdering());
        (await _ledgers.Primary.ListLoadsAsync()).Should().ContainSingle().Which.Rows.Should().Be(new RowBalance(4, 3, Filtered: 1));
    }

    [Fact]
    public async Task What_databases_make_of_sums_and_means_fits_the_properties()
    {
        var totals = new List<Totals>();
        var result = await RunAsync(p => p.Transform<Totals, Totals>("sum", row =>
        {
            totals.Add(row);
            return row;
        }).From("warehouse", """
            SELECT count(*) AS trips, sum(trip_id) AS ids, avg(trip_id) AS mean, sum(CAST(minutes AS numeric(10, 2))) AS minutes, min(started_at) AS first, max(minutes) AS longest
            FROM raw.trips
            """).Into("staging.totals"));

        result.Failure.Should().BeNull();
        totals.Should().Equal(new Totals(4, 10, 2.5, 47.75m, new DateTime(2026, 3, 1, 8, 10, 0), 31f));
        (await QueryAsync("SELECT trips, ids, mean, longest FROM staging.totals")).Should().BeEquivalentTo(new object[][] { [4L, 10L, 2.5, 31f] });
    }

    [Fact]
    public async Task Streams_may_make_fewer_or_more_rows_and_the_table_holds_the_last_ones()
    {
        Task<PipelineRunResult> Run(Func<IAsyncEnumerable<TripRow>, IAsyncEnumerable<CleanTrip>> transform) => RunAsync(p => p
            .Transform<TripRow, CleanTrip>("clean", transform).From("warehouse", "SELECT * FROM raw.trips").Into("staging.trips"));

        (await Run(rows => rows.Take(1).Select(trip => new CleanTrip(trip.TripId, "one", TimeOnly.MinValue)))).Failure.Should().BeNull();
        (await Run(rows => rows.SelectMany(trip => new[] { 1, 2 }.Select(n => new CleanTrip(trip.TripId * n, "two", TimeOnly.MinValue))))).Failure.Should().BeNull();

        (await QueryAsync("SELECT count(*), count(distinct station) FROM staging.trips")).Should().BeEquivalentTo(new object[][] { [8L, 1L] });
        (await _ledgers.Primary.ListLoadsAsync()).Select(load => load.Rows).Should().Equal(new RowBalance(8, 8), new RowBalance(1, 1));
    }

    [Fact]
    public async Task A_transform_whose_record_changed_changes_the_table()
    {
        await RunAsync(p => p.Transform<TripRow, CleanTrip>("clean", trip => new CleanTrip(trip.TripId, trip.Station, TimeOnly.MinValue)).From("warehouse", "SELECT * FROM raw.trips").Into("staging.trips"));
        var result = await RunAsync(p => p.Transform<TripRow, OtherTrip>("clean", trip => new OtherTrip(trip.TripId, (decimal)trip.Minutes)).From("warehouse", "SELECT * FROM raw.trips").Into("staging.trips"));

        result.Failure.Should().BeNull();
        (await QueryAsync("SELECT trip_id, CAST(minutes AS text) FROM staging.trips ORDER BY trip_id")).Should().BeEquivalentTo(
            new object[][] { [1L, "12.50"], [2L, "-3.00"], [3L, "7.25"], [4L, "31.00"] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task A_transform_that_throws_leaves_everything_as_it_was()
    {
        await RunAsync(p => p.Transform<TripRow, CleanTrip>("clean", trip => new CleanTrip(trip.TripId, trip.Station, TimeOnly.MinValue)).From("warehouse", "SELECT * FROM raw.trips").Into("staging.trips"));
        var result = await RunAsync(p => p.Transform<TripRow, CleanTrip>("clean", trip => trip.TripId < 3 ? null : throw new DataPlatformException(FailureClass.Data, "no more"))
            .From("warehouse", "SELECT * FROM raw.trips").Into("staging.trips"));

        result.Failure.Should().Be(new Failure(FailureClass.Data, "no more"));
        (await QueryAsync("SELECT count(*) FROM staging.trips")).Should().BeEquivalentTo(new object[][] { [4L] });
    }

    [Fact]
    public async Task Checks_that_hold_pass_and_are_recorded()
    {
        var result = await RunAsync(p => p.Check("quality", "warehouse", "raw.trips", check => check
            .NotNull("trip_id", "station").Unique("trip_id").Range("minutes", min: -5, max: 60.5).In("station", "Bryggen", "Nordnes", "Land's End")
            .RowCount(min: 4, max: 4).Freshness("started_at", TimeSpan.FromHours(8)).Sql("no trip without a name", "SELECT * FROM {table} WHERE station = '' AND started_at < @run_date")));

        result.Failure.Should().BeNull();
        result.Steps[0].RowsRead.Should().Be(4);
        var outputs = (await _ledgers.Primary.ListStepsAsync(result.Run.RunId))[0].Outputs;
        JsonSerializer.Deserialize<CheckResult[]>(outputs["checks"], JsonSerializerOptions.Web)!.Select(check => (check.Check, check.Passed)).Should().Equal(
            ("not null: trip_id", true), ("not null: station", true), ("unique: trip_id", true), ("range: minutes from -5 to 60.5", true),
            ("in: station among Bryggen, Nordnes, Land's End", true), ("row count: from 4 to 4", true), ("freshness: started_at within 08:00:00", true), ("no trip without a name", true));
        (await QueryAsync("SELECT action, subject, run_id FROM dataplatform.audit_events WHERE action LIKE 'check.%'")).Should().BeEquivalentTo(
            new object[][] { ["check.pass", "raw.trips", result.Run.RunId] });
    }

    [Fact]
    public async Task Every_check_that_does_not_hold_is_listed_with_rows_that_break_it()
    {
        await ExecuteAsync("INSERT INTO raw.trips VALUES (4, NULL, 99, NULL, 3), (NULL, 'Moon', NULL, NULL, 3), (NULL, 'Moon', NULL, NULL, 3)");
        var result = await RunAsync(p => p.Check("quality", "warehouse", "raw.trips", check => check
            .NotNull("trip_id", "station").Unique("trip_id").Range("minutes", min: 0).Range("minutes", max: 60).In("station", "Bryggen", "Nordnes", "Land's End")
            .RowCount(max: 6).Freshness("started_at", TimeSpan.FromHours(7)).Sql("no trip in the morning", "SELECT trip_id FROM {table} WHERE started_at < '2026-03-01 08:30:00'")
            .Unique("station")));

        result.Failure!.Class.Should().Be(FailureClass.Data);
        result.Failure.Message.Split(Environment.NewLine).Should().Equal(
            "10 of 10 checks of raw.trips (7 rows) failed:",
            "  not null: trip_id: 2 rows break it, such as trip_id=NULL, station=Moon, minutes=NULL, started_at=NULL, _load_id=3; trip_id=NULL, station=Moon, minutes=NULL, started_at=NULL, _load_id=3",
            "  not null: station: 1 row breaks it, such as trip_id=4, station=NULL, minutes=99, started_at=NULL, _load_id=3",
            "  unique: trip_id: 2 rows break it, such as trip_id=4, rows=2",
            "  range: minutes at least 0: 1 row breaks it, such as trip_id=2, station=Bryggen, minutes=-3, started_at=2026-03-01 08:40:00, _load_id=1",
            "  range: minutes at most 60: 1 row breaks it, such as trip_id=4, station=NULL, minutes=99, started_at=NULL, _load_id=3",
            "  in: station among Bryggen, Nordnes, Land's End: 2 rows break it, such as trip_id=NULL, station=Moon, minutes=NULL, started_at=NULL, _load_id=3; trip_id=NULL, station=Moon, minutes=NULL, started_at=NULL, _load_id=3",
            "  row count: at most 6: it has 7 rows",
            "  freshness: started_at within 07:00:00: the newest value is 2026-03-02 10:00:00 UTC, 0.08:00:00 before 2026-03-02 18:00:00",
            "  no trip in the morning: 1 row breaks it, such as trip_id=1",
            result.Failure.Message.Split(Environment.NewLine)[^1]);
        result.Failure.Message.Split(Environment.NewLine)[^1].Should().StartWith("  unique: station: 4 rows break it, such as station=").And.Contain("station=Moon, rows=2").And.Contain("station=Bryggen, rows=2");
        (await QueryAsync("SELECT action, subject FROM dataplatform.audit_events WHERE action LIKE 'check.%'")).Should().BeEquivalentTo(new object[][] { ["check.fail", "raw.trips"] });
    }

    [Fact]
    public async Task A_check_that_only_warns_does_not_fail_the_step()
    {
        var result = await RunAsync(p => p.Check("quality", "warehouse", "raw.trips", check => check.Range("minutes", min: 0).AsWarning().RowCount(min: 1)));

        result.Failure.Should().BeNull();
        var outputs = (await _ledgers.Primary.ListStepsAsync(result.Run.RunId))[0].Outputs;
        JsonSerializer.Deserialize<CheckResult[]>(outputs["checks"], JsonSerializerOptions.Web)![0].Should().BeEquivalentTo(
            new { Passed = false, IsWarning = true, FailingRows = 1L });
    }

    [Theory]
    [InlineData("2026-03-02", 0, true)] // today: seen from now, 18:00
    [InlineData("2026-03-02", 10, false)]
    [InlineData("2026-03-01", 10, true)] // a past date: seen from its end
    public async Task Freshness_is_judged_as_of_the_run(string date, int hoursLater, bool fresh)
    {
        _time.Now = _time.Now.AddHours(hoursLater);
        var result = await RunAsync(
            p => p.Check("quality", "warehouse", "raw.trips", check => check.Freshness("started_at", TimeSpan.FromHours(8))), DateOnly.Parse(date));
        (result.Failure is null).Should().Be(fresh);
    }

    [Fact]
    public async Task A_missing_table_and_a_missing_column_are_named()
    {
        var table = await RunAsync(p => p.Check("quality", "warehouse", "raw.none", check => check.RowCount(min: 1)));
        table.Failure.Should().BeEquivalentTo(new { Class = FailureClass.Configuration, Message = "There is no table or view raw.none in warehouse 'warehouse' to check." });

        var column = await RunAsync(p => p.Check("quality", "warehouse", "raw.trips", check => check.NotNull("none")));
        column.Failure.Should().BeEquivalentTo(new { Class = FailureClass.Configuration, Message = "Check 'not null: none': raw.trips has no column 'none'." });
    }

    [Fact]
    public async Task A_broken_query_of_a_check_is_shown_where_it_stands()
    {
        var result = await RunAsync(p => p.Check("quality", "warehouse", "raw.trips", check => check.Sql("nothing odd", "SELECT odd FROM {table}")));
        result.Failure!.Class.Should().Be(FailureClass.Configuration);
        result.Failure.Message.Should().StartWith("Check 'nothing odd': inline SQL:1:8: ");
    }

    [Fact]
    public async Task Strings_of_every_kind_are_strings_to_the_database_and_to_us()
    {
        string[] pieces = ["@p", "{r}", "'", "''", "\"", "$$", "$t$", "--", "/*", "*/", "\\", "\n", ";", "::", "e", "E'", " ", "ä", "x"];
        var texts = Gen.Int[0, pieces.Length - 1].Array[0, 8].Select(indexes => string.Concat(indexes.Select(index => pieces[index])));
        var expected = texts.Array[80].Single();
        string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal);
        string Double(string text, string quote) => text.Replace(quote, quote + quote, StringComparison.Ordinal);
        var columns = expected.Select((text, i) => (i % 4) switch
        {
            0 => $"'{Double(text, "'")}' AS c{i}",
            1 => $"E'{Escape(text)}' AS c{i}",
            2 => $"$q${text}$q$ AS c{i}",
            _ => $"@p /* {text.Replace("/*", "", StringComparison.Ordinal).Replace("*/", "", StringComparison.Ordinal)} /* {{r}} */ */ AS c{i} -- @p '",
        });
        var query = new SqlQuery { Source = $"SELECT {string.Join("\n, ", columns)}\n FROM {{r}} AS \"@p {{r}}\" LIMIT 1" };
        query.SetParameter("p", "it's @p");
        query.SetRelation("r", "raw.trips");

        var row = (await QueryAsync(query.Render(new RunInfo("run", "test", "Test", RunDate, null, null)).Text))[0];
        row.Should().Equal(expected.Select((text, i) => i % 4 == 3 ? "it's @p" : text));
    }

    [Fact]
    public async Task Literals_mean_to_the_database_what_they_meant_here()
    {
        await using var transaction = await Warehouse.BeginAsync();
        await CheckLiteralsAsync(Gen.String.Where(text => !text.Contains('\0') && text.EnumerateRunes().All(rune => rune != System.Text.Rune.ReplacementChar)), "text", text => text);
        await CheckLiteralsAsync(Gen.OneOf(Gen.Int, Gen.Const(int.MinValue), Gen.Const(int.MaxValue)), "integer", number => number);
        await CheckLiteralsAsync(Gen.OneOf(Gen.Long, Gen.Const(long.MinValue), Gen.Const(long.MaxValue)), "bigint", number => number);
        await CheckLiteralsAsync(Gen.Double, "double precision", number => number);
        await CheckLiteralsAsync(Gen.Float, "real", number => number);
        await CheckLiteralsAsync(Gen.Select(Gen.Long, Gen.Int[0, 12], (digits, scale) => new decimal((int)digits, (int)(digits >> 32), 0, digits < 0, (byte)scale)), "numeric(38,12)", number => number);
        await CheckLiteralsAsync(Gen.Bool, "boolean", flag => flag);
        await CheckLiteralsAsync(Gen.Guid, "uuid", uuid => uuid);
        await CheckLiteralsAsync(Gen.Int[366, 3_652_000].Select(DateOnly.FromDayNumber), "date", date => date);
        await CheckLiteralsAsync(Gen.Long[0, 86_399_999_999].Select(time => new TimeOnly(time * 10)), "time", time => time);
        await CheckLiteralsAsync(Gen.Long[32_000_000_000_000, 315_000_000_000_000_000].Select(time => new DateTime(time * 10)), "timestamp", time => time);
        await CheckLiteralsAsync(Gen.Long[32_000_000_000_000, 315_000_000_000_000_000].Select(time => new DateTimeOffset(time * 10, TimeSpan.Zero)), "timestamptz", time => time);

        // The value as a literal and the value as a parameter, of the type the literal must have by itself.
        async Task CheckLiteralsAsync<T>(Gen<T> values, string type, Func<T, object> toParameter)
        {
            var sample = values.Array[60].Single();
            var select = string.Join(" UNION ALL ", sample.Select((value, i) => $"SELECT {i} AS i, {SqlLiteral.From(value)} AS literal, CAST(${i + 1} AS {type}) AS parameter"));
            var differing = await transaction.QueryAsync(
                $"SELECT i, CAST(literal AS text), CAST(parameter AS text) FROM ({select}) AS q WHERE literal <> parameter OR literal IS NULL OR parameter IS NULL",
                [.. sample.Select(value => toParameter(value))]);
            differing.Should().BeEmpty("every {0} means the same", type);
        }
    }

    private string WriteFile(string name, string sql)
    {
        var path = _folder.Combine(name);
        File.WriteAllText(path, sql);
        return path;
    }

    protected async Task<PipelineRunResult> RunAsync(Action<PipelineBuilder> configure, DateOnly? date = null)
    {
        var builder = new PipelineBuilder("test");
        configure(builder);
        return await new PipelineRunner(_ledgers, _services).RunAsync(builder.Build(), new PipelineRunOptions { LogicalDate = date ?? RunDate });
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync();
        await transaction.ExecuteAsync(sql);
        await transaction.CommitAsync();
    }

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync();
        return await transaction.QueryAsync(sql);
    }

    public sealed record TripRow(long TripId, string Station, double Minutes, DateTime StartedAt);

    public sealed record CleanTrip(long TripId, string Station, TimeOnly Start);

    public sealed record Totals(long Trips, long Ids, double Mean, [Precision(12, 4)] decimal Minutes, DateTime First, float Longest);

    public sealed record OtherTrip(long TripId, [Precision(10, 2)] decimal Minutes);

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}

public sealed class DuckDbTransformTests() : TransformConformance("duckdb");

public sealed class PostgreSqlTransformTests() : TransformConformance("postgresql")
{
    // DuckDB gives the second one another name by itself.
    [Fact]
    public async Task Two_columns_of_one_name_are_refused()
    {
        var result = await RunAsync(p => p.Sql("twice", "SELECT trip_id, trip_id FROM raw.trips").AsTable("warehouse", "marts.twice"));
        result.Failure.Should().BeEquivalentTo(new { Class = FailureClass.Configuration, Message = "inline SQL: two columns of the result are named 'trip_id'." });
    }
}
