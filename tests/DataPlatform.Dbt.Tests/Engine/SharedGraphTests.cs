using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Engine;

/// <summary>What packages keep in <c>graph</c>, which is one object for all nodes and hooks of an invocation.</summary>
public sealed class SharedGraphTests
{
    [Theory]
    [OnBothWarehouses]
    public async Task What_a_hook_or_node_puts_there_later_ones_find(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system, """
            name: shop
            on-run-start: "{% do graph.setdefault('cache', {'names': [], 'started': 'yes'}) %}"
            on-run-end: "drop table if exists kept; create table kept as select '{{ graph.cache.names | join(',') }}' as names, '{{ graph.cache.started }}' as started, '{{ graph.cache.kind }}' as kind"
            """))
            .Write("models/a.sql", "{% do graph.setdefault('cache', {}).update({'kind': graph.nodes['model.shop.b'].config.materialized}) if execute %}{% do graph.cache.names.append(this.name) if execute %} select 1 as n")
            .Write("models/b.sql", "{{ config(materialized='table') }}{% do graph.cache.names.append(this.name) if execute %} select n from {{ ref('a') }}");
        await project.BuildAsync();

        (await project.QueryAsync("select names, started, kind from kept")).Should().Equal("a,b|yes|table");
        project.Lines.Clear();
        await project.Write("models/a.sql", "{{ log('cached: ' ~ graph.get('cache', {}).get('kind'), info=true) if execute }} select 1 as n").BuildAsync();
        project.Lines.Should().Contain("info: cached: None", "an invocation has a graph of its own");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Many_nodes_write_to_it_at_the_same_time(string system)
    {
        await using var project = await EngineFixture.OnAsync(system, """
            name: shop
            on-run-end: "create table kept as select {{ graph.cache | length }} as dicts, {{ graph.names | length }} as names, {{ graph.names | unique | list | length }} as others"
            """);
        project.Options = project.Options with { Threads = 8 };
        foreach (var number in Enumerable.Range(0, 16))
            project.Write($"models/m{number}.sql", """
                {% if execute -%}
                {% for i in range(50) %}{% do graph.setdefault('cache', {}).update({this.name ~ '_' ~ i: i}) %}{% do graph.setdefault('names', []).append(this.name ~ '_' ~ i) %}{% endfor %}
                {%- endif %} select {{ graph.nodes | length }} as n
                """);
        await project.BuildAsync();

        (await project.QueryAsync("select dicts, names, others from kept")).Should().Equal("800|800|800");
        (await project.QueryAsync("select n from m15")).Should().Equal("16");
    }

    [Fact]
    public async Task Nothing_is_lost_of_what_threads_add_to_one_dict_and_list()
    {
        var (dict, list) = (new PythonDict(), new PythonList([]));
        CollectionMethods.TryGet(dict, "setdefault", out var add).Should().BeTrue();
        CollectionMethods.TryGet(list, "append", out var append).Should().BeTrue();
        var run = new JinjaRun(EngineState.Environment, UndefinedMode.Strict, cancellationToken: TestContext.Current.CancellationToken);
        using var together = new Barrier(2);

        await Task.WhenAll(Enumerable.Range(0, 2).Select(thread => DbtEngine.OnThread(() =>
        {
            together.SignalAndWait();
            for (var i = 0L; i < 50_000; i++)
            {
                Operations.Call(add, new CallArguments(run, [(i * 2) + thread, i], []));
                Operations.Call(append, new CallArguments(run, [i], []));
            }

            return true;
        })));

        (dict.Count, list.Items.Count).Should().Be((100_000, 100_000));
        dict.Keys.Distinct().Should().HaveCount(100_000);
    }

    [Fact]
    public async Task While_the_project_is_read_it_has_no_nodes()
    {
        await using var project = new EngineFixture();
        project.Write("models/m.sql", "{{ config(alias='n' ~ graph.nodes | length ~ graph.setdefault('seen', 'once') ~ graph.groups | length) }} select 1 as n").Write("models/g.yml", "groups: [{name: sales, owner: {email: a@b.example}}]");
        await project.BuildAsync();

        (await project.QueryAsync("select n from n0once0")).Should().Equal("1");
    }
}
