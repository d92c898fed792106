using FluentAssertions.Execution;

namespace DataPlatform.Dbt.Engine;

/// <summary>The macros of <c>dbt</c> for SQL that is not the same on all databases: what their SQL gives when it is run.</summary>
public sealed class CrossDatabaseMacroTests
{
    private const string TypeOf = "{{ 'pg_typeof' if target.type == 'postgres' else 'typeof' }}";

    /// <summary>A query with the macro in it, and its rows.</summary>
    private static readonly MacroCase[] Cases =
    [
        new("any_value", "select {{ dbt.any_value('v') }} from (values ('a'), ('a')) t(v)", "a"),
        new("bool_or", "select {{ dbt.bool_or('n = 2') }} as a, {{ dbt.bool_or('n = 3') }} as b from (values (1), (2)) t(n)", "True|False"),
        new("cast_bool_to_text", "select {{ dbt.cast_bool_to_text('1 = 1') }} as a, {{ dbt.cast_bool_to_text('1 = 0') }} as b, {{ dbt.cast_bool_to_text('null') }} as c", "true|false|null"),
        new("concat", """select {{ dbt.concat(["'a'", "'-'", "'b'"]) }}""", "a-b"),
        new("cast", """select {{ dbt.cast("'7'", dbt.type_int()) }} + 1""", "8"),
        new("safe_cast", """select {{ dbt.safe_cast("'7'", dbt.type_int()) }} + 1 as a, {{ dbt.safe_cast('null', dbt.type_timestamp()) }} as b""", "8|null"),
        new("hash", """select {{ dbt.hash("'ab'") }} as a, {{ dbt.hash('1') }} as b, {{ dbt.hash("''") }} as c, {{ dbt.hash('null') }} as d""", "187ef4436122d1cc2f40dc2b92f0eba0|c4ca4238a0b923820dcc509a6f75849b|d41d8cd98f00b204e9800998ecf8427e|null"),
        new("length", """select {{ dbt.length("'äbc'") }} as a, {{ dbt.length("''") }} as b, {{ dbt.length('null') }} as c""", "3|0|null"),
        new("position", """select {{ dbt.position("'b'", "'abab'") }} as a, {{ dbt.position("'z'", "'abab'") }} as b""", "2|0"),
        new("replace", """select {{ dbt.replace("'a-b-c'", "'-'", "'+'") }}""", "a+b+c"),
        new("right", """select {{ dbt.right("'abcdef'", 3) }} as a, {{ dbt.right("'ab'", 9) }} as b, {{ dbt.right("'ab'", 0) }} as c""", "def|ab|"),
        new("escape_single_quotes", """select '{{ dbt.escape_single_quotes("they're 'here'") }}'""", "they're 'here'"),
        new("string_literal", "select {{ dbt.string_literal('x y') }}", "x y"),
        new("except", "(select 1 as n union all select 2) {{ dbt.except() }} select 2", "1"),
        new("intersect", "(select 1 as n union all select 2) {{ dbt.intersect() }} select 2", "2"),
        new("split_part", """select {% for n in [1, 3, 4, -1, -3, -4] %}{{ dbt.split_part("'a|b|c'", "'|'", n) }} as p{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}""", "a|c|null|c|a|null", "a|c||c|a|"),
        new("split_part", """select {{ dbt.split_part("'a--b--c'", "'--'", -2) }} as a, {{ dbt.split_part("'abc'", "'-'", -1) }} as b, {{ dbt.split_part('null', "'-'", 1) }} as c""", "b|abc|null"),
        new("date", "select {{ dbt.date(2024, 2, 29) }} as a, {{ dbt.date(2024, 2, 29) }} + 1 as b", "2024-02-29|2024-03-01"),
        .. Added("2024-01-31 12:30:00", ("year", 1, "2025-01-31 12:30:00"), ("quarter", 1, "2024-04-30 12:30:00"), ("month", 1, "2024-02-29 12:30:00"), ("month", -11, "2023-02-28 12:30:00"), ("week", 1, "2024-02-07 12:30:00"),
            ("day", -31, "2023-12-31 12:30:00"), ("hour", 12, "2024-02-01 00:30:00"), ("minute", 30, "2024-01-31 13:00:00"), ("second", -1, "2024-01-31 12:29:59"), ("millisecond", 1, "2024-01-31 12:30:00.001")),
        new("dateadd", "select {{ dbt.dateadd('day', 'n', 'd') }} from (select 2 as n, date '2024-02-28' as d) t", "2024-03-01"),
        new("dateadd", "select {{ dbt.dateadd('day', 1, 'cast(null as date)') }}", "null"),
        .. Truncated("2024-08-15 13:45:59.123", ("year", "2024-01-01"), ("quarter", "2024-07-01"), ("month", "2024-08-01"), ("week", "2024-08-12"), ("day", "2024-08-15"), ("hour", "2024-08-15 13:00:00"), ("minute", "2024-08-15 13:45:00"), ("second", "2024-08-15 13:45:59")),
        // One microsecond apart, and all boundaries between them but that of a week, which begins on Sunday: the last day of 1999 is a Friday.
        .. Between("1999-12-31 23:59:59.999999", "2000-01-01 00:00:00", ("year", "1"), ("quarter", "1"), ("month", "1"), ("week", "0"), ("day", "1"), ("hour", "1"), ("minute", "1"), ("second", "1"), ("millisecond", "1"), ("microsecond", "1")),
        // As far apart as can be without a boundary.
        .. Between("2024-01-01 00:00:00", "2024-12-31 23:59:59", ("year", "0"), ("quarter", "3"), ("month", "11"), ("day", "365"), ("hour", "8783"), ("minute", "527039"), ("second", "31622399")),
        .. Between("2024-03-01 00:00:00", "2024-02-28 23:00:00", ("month", "-1"), ("day", "-2"), ("hour", "-25"), ("minute", "-1500")),
        .. Between("2018-01-01 01:00:00", "2018-01-01 02:01:00", ("day", "0"), ("hour", "1"), ("minute", "61"), ("second", "3660")),
        .. Between("2019-12-31 00:00:00", "2019-12-27 00:00:00", ("week", "-1")),
        .. Between("2019-12-31 00:00:00", "2019-12-30 00:00:00", ("week", "0")),
        .. Between("2019-12-31 00:00:00", "2020-01-02 00:00:00", ("week", "0")),
        .. Between("2019-12-31 00:00:00", "2020-01-06 02:00:00", ("week", "1")),
        new("datediff", """select {{ dbt.datediff("date '2020-01-04'", "date '2020-01-05'", 'week') }} as a, {{ dbt.datediff("date '2020-01-05'", "date '2020-01-06'", 'week') }} as b""", "1|0"),
        new("datediff", """select {{ dbt.datediff("'2024-01-01'", "'2024-02-01'", 'day') }} as a, {{ dbt.datediff('null', "date '2024-01-01'", 'hour') }} as b""", "31|null"),
        new("last_day", """select {% for part in ['month', 'quarter', 'year'] %}{{ dbt.last_day("date '2024-02-10'", part) }} as {{ part }}{{ ', ' if not loop.last }}{% endfor %}""", "2024-02-29|2024-03-31|2024-12-31"),
        new("last_day", """select {{ dbt.last_day("timestamp '2023-12-31 23:59:59'", 'month') }} as a, {{ dbt.last_day("date '2024-12-31'", 'quarter') }} as b""", "2023-12-31|2024-12-31"),
        new("date_spine", """select * from ({{ dbt.date_spine('day', "date '2024-02-28'", "date '2024-03-02'") }}) d order by 1""", "2024-02-28,2024-02-29,2024-03-01"),
        new("date_spine", """select * from ({{ dbt.date_spine('month', "cast('2023-11-01' as date)", "cast('2024-02-01' as date)") }}) d order by 1""", "2023-11-01,2023-12-01,2024-01-01"),
        new("date_spine", """select * from ({{ dbt.date_spine('hour', "timestamp '2024-01-01 22:00:00'", "timestamp '2024-01-02 01:00:00'") }}) d order by 1""", "2024-01-01 22:00:00,2024-01-01 23:00:00,2024-01-02"),
        new("date_spine", """select count(*), max(date_day) from ({{ dbt.date_spine('day', "date '2020-01-01'", "date '2030-01-01'") }}) d""", "3653|2029-12-31"),
        new("generate_series", "select generated_number from ({{ dbt.generate_series(5) }}) s order by 1", "1,2,3,4,5"),
        new("generate_series", "select count(*) as n, sum(generated_number) as total from ({{ dbt.generate_series(1) }}) s", "1|1"),
        new("generate_series", "select count(distinct generated_number) as n, sum(generated_number) as total from ({{ dbt.generate_series(1000) }}) s", "1000|500500"),
        new("listagg", """select {{ dbt.listagg('v', "'_|_'", 'order by n') }} as a, {{ dbt.listagg('v', "', '", 'order by n desc', 2) }} as b, {{ dbt.listagg('v') }} as c from (values (1, 'a'), (2, 'a'), (3, 'b')) t(n, v)""", "a_|_a_|_b|b, a|a,a,b"),
        new("listagg", """select {{ dbt.listagg('distinct v', "','", 'order by v') }} as a, {{ dbt.listagg('v', "','", 'order by v', 9) }} as b from (values ('b'), ('a'), (null), ('b')) t(v)""", "a,b|a,b,b"),
        new("array_construct", "select array_to_string({{ dbt.array_construct([3, 1, 2]) }}, '+') as a, array_to_string({{ dbt.array_construct([], 'integer') }}, '+') as b", "3+1+2|"),
        new("array_append", "select array_to_string({{ dbt.array_append(dbt.array_construct([3, 1]), 2) }}, '+') as a, array_to_string({{ dbt.array_append(dbt.array_construct([], 'integer'), 2) }}, '+') as b", "3+1+2|2"),
        new("array_concat", "select array_to_string({{ dbt.array_concat(dbt.array_construct([3, 1]), dbt.array_construct([2, 3])) }}, '+')", "3+1+2+3"),
        new("current_timestamp", $"select abs(extract(epoch from ({{{{ dbt.current_timestamp() }}}} - now()))) < 60 as a, {TypeOf}({{{{ dbt.current_timestamp() }}}})::varchar as b", "True|TIMESTAMP WITH TIME ZONE", "True|timestamp with time zone"),
        new("current_timestamp_backcompat", $"select abs(extract(epoch from ({{{{ dbt.current_timestamp_backcompat() }}}} - now()::timestamp))) < 60 as a, {TypeOf}({{{{ dbt.current_timestamp_backcompat() }}}})::varchar as b", "True|TIMESTAMP", "True|timestamp without time zone"),
        new("current_timestamp_in_utc_backcompat", $"select abs(extract(epoch from ({{{{ dbt.current_timestamp_in_utc_backcompat() }}}} - (now() at time zone 'utc')))) < 60 as a, {TypeOf}({{{{ dbt.current_timestamp_in_utc_backcompat() }}}})::varchar as b", "True|TIMESTAMP", "True|timestamp without time zone"),
        Typed("string", "'007'", "007|VARCHAR", "007|text"),
        Typed("timestamp", "'2024-02-29 01:02:03.5'", "2024-02-29 01:02:03.5|TIMESTAMP", "2024-02-29 01:02:03.5|timestamp without time zone"),
        Typed("float", "'1.5'", "1.5|FLOAT", "1.5|double precision"),
        Typed("numeric", "'1234567890123456789012.1234567'", "1234567890123456789012.123457|DECIMAL(28,6)", "1234567890123456789012.123457|numeric"),
        Typed("bigint", "'9223372036854775807'", "9223372036854775807|BIGINT", "9223372036854775807|bigint"),
        Typed("int", "'2147483647'", "2147483647|INTEGER", "2147483647|integer"),
        Typed("boolean", "'false'", "False|BOOLEAN", "False|boolean"),
    ];

    /// <summary>The macros that are tested here.</summary>
    public static IEnumerable<string> Macros => Cases.Select(macro => macro.Name).Distinct();

    [Theory]
    [OnBothWarehouses]
    public async Task Give_what_dbt_says_of_them(string system)
    {
        await using var project = await EngineFixture.OnAsync(system);
        foreach (var (place, macro) in Cases.Index()) project.Write($"models/m{place}.sql", macro.Sql);
        var compiled = (await project.RunAsync(DbtCommand.Compile)).Results.ToDictionary(result => result.Node.Name, result => result.CompiledCode ?? throw new InvalidOperationException(result.Message));

        using var all = new AssertionScope();
        foreach (var (place, macro) in Cases.Index())
            (await AnswerAsync(project, compiled[$"m{place}"])).Should().Be((system == "postgres" ? macro.PostgreSql : null) ?? macro.Rows, "that is {0}", macro.Sql);
    }

    private static async Task<string> AnswerAsync(EngineFixture project, string sql)
    {
        try
        {
            return string.Join(',', await project.QueryAsync(sql));
        }
        catch (DataPlatformException e)
        {
            return e.Message;
        }
    }

    private static IEnumerable<MacroCase> Added(string from, params (string Part, int Interval, string Result)[] cases) =>
        cases.Select(item => new MacroCase("dateadd", $$$"""select {{ dbt.dateadd('{{{item.Part}}}', {{{item.Interval}}}, "timestamp '{{{from}}}'") }}""", item.Result));

    private static IEnumerable<MacroCase> Truncated(string moment, params (string Part, string Result)[] cases) =>
        cases.Select(item => new MacroCase("date_trunc", $$$"""select cast({{ dbt.date_trunc('{{{item.Part}}}', "timestamp '{{{moment}}}'") }} as timestamp)""", item.Result));

    private static IEnumerable<MacroCase> Between(string first, string second, params (string Part, string Result)[] cases) =>
        cases.Select(item => new MacroCase("datediff", $$$"""select {{ dbt.datediff("timestamp '{{{first}}}'", "timestamp '{{{second}}}'", '{{{item.Part}}}') }}""", item.Result));

    private static MacroCase Typed(string type, string literal, string duckDb, string postgreSql) =>
        new($"type_{type}", $"select v, {TypeOf}(v)::varchar as t from (select cast({literal} as {{{{ dbt.type_{type}() }}}}) as v) c", duckDb, postgreSql);

    /// <param name="Name">The macro.</param>
    /// <param name="Sql">The query.</param>
    /// <param name="Rows">What it gives.</param>
    /// <param name="PostgreSql">What it gives on PostgreSQL, where that is something else.</param>
    private sealed record MacroCase(string Name, string Sql, string Rows, string? PostgreSql = null);
}
