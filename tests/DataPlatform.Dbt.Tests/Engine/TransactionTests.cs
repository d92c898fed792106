namespace DataPlatform.Dbt.Engine;

/// <summary>Transactions that macros and hooks end themselves.</summary>
public sealed class TransactionTests
{
    [Theory]
    [InlineData("duckdb", "begin transaction", "end transaction")]
    [InlineData("duckdb", "BEGIN", "COMMIT")]
    [InlineData("postgres", "begin transaction", "end transaction")]
    [InlineData("postgres", "start transaction", "-- done\n  commit work")]
    public async Task Are_of_one_session_that_keeps_its_temporary_tables(string system, string begin, string end)
    {
        await using var project = await EngineFixture.OnAsync(system, $"""
            name: shop
            on-run-end: |
              {begin};
              create temporary table words as select 'a' as word; -- begin; commit
              {end.Replace("\n", "\n  ", StringComparison.Ordinal)};
              create table kept as select word, case word when 'a' then 'commit; end' end as text from words;
              drop table words;
            """);
        await project.Write("models/m.sql", "select 1 as n").BuildAsync();

        (await project.QueryAsync("select word, text from kept")).Should().Equal("a|commit; end");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task What_is_committed_stays_and_what_is_rolled_back_does_not(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("macros/work.sql", """
                {% macro work() %}
                    {% do run_query('create table log (line varchar(20))') %}{% do adapter.commit() %}
                    {% do run_query("insert into log values ('one'); commit; insert into log values ('two'); rollback; insert into log values ('three')") %}
                {% endmacro %}
                """)
            .Write("models/m.sql", "{{ config(pre_hook='{{ work() }}') }} select * from nowhere");
        (await project.RunAsync()).Results.Single().Status.Should().Be("error");

        (await project.QueryAsync("select line from log")).Should().Equal("one");
    }
}
