using System.Reflection;
using System.Text.RegularExpressions;
using DataPlatform.Dbt.Selection;
using DataPlatform.Dbt.Tool;
using DataPlatform.Testing;
using Xunit.Sdk;
using Xunit.v3;

namespace DataPlatform.Dbt.Engine;

/// <summary>Each line of the page that says what is supported has tests, which run on each warehouse that the line is of.</summary>
public sealed partial class SubsetPageTests
{
    private static readonly Dictionary<string, Line> Lines = new(StringComparer.Ordinal)
    {
        ["`dbt_project.yml`"] = OnBoth(
            [.. Of<ProjectTests>(nameof(ProjectTests.Configures_by_folder_then_yaml_then_the_model_itself), nameof(ProjectTests.Takes_the_names_of_folders_from_before_version_1), nameof(ProjectTests.Vars_are_templates), nameof(ProjectTests.Refuses_a_project_for_another_dbt)),
                .. Of<RunTests>(nameof(RunTests.Builds_a_shop))]),
        ["packages"] = OnBoth(Of<PackageTests>(nameof(PackageTests.Are_those_that_the_project_names_and_those_that_are_installed), nameof(PackageTests.Runs_macros_of_a_package), nameof(PackageTests.Vars_of_a_package_and_its_models_are_set_by_the_project), nameof(PackageTests.The_project_overrides_what_a_package_dispatches))),
        ["YAML files"] = OnBoth(
            [.. Of<ProjectTests>(nameof(ProjectTests.Refuses_schema_files_with_the_line_and_the_way_out), nameof(ProjectTests.What_schema_files_say_of_columns_are_templates)),
                .. Of<DescriptionTests>(nameof(DescriptionTests.Warns_of_keys_that_have_no_effect)), .. Of<PropertyTests>(nameof(PropertyTests.Descriptions_become_comments))]),
        ["configuration"] = OnBoth([.. Of<ProjectTests>(nameof(ProjectTests.Configures_by_folder_then_yaml_then_the_model_itself)), .. Of<PackageTests>(nameof(PackageTests.Vars_of_a_package_and_its_models_are_set_by_the_project))]),
        ["names of relations"] = OnBoth([.. Of<ProjectTests>(nameof(ProjectTests.A_project_overrides_where_relations_are)), .. Of<RelationTests>(nameof(RelationTests.Names_are_quoted_as_the_project_and_its_sources_say))]),
        ["versions of models"] = OnBoth(Of<VersionTests>(nameof(VersionTests.Are_nodes_of_one_name), nameof(VersionTests.Are_selected), nameof(VersionTests.A_version_that_is_not_there_stops))),
        ["groups and access"] = Apart(Of<DescriptionTests>(nameof(DescriptionTests.A_private_model_is_for_its_group_and_its_tests), nameof(DescriptionTests.Protected_models_of_a_package_that_restricts_access_are_its_own))),
        ["semantic layer"] = OnBoth(Of<DescriptionTests>(nameof(DescriptionTests.Are_in_the_manifest_and_nothing_is_run_for_them), nameof(DescriptionTests.Names_that_are_not_there_stop))),
        ["files as sources"] = OnDuckDb(Of<RelationTests>(nameof(RelationTests.Sources_of_DuckDB_can_be_files_of_the_project), nameof(RelationTests.A_location_of_files_that_names_what_is_not_there_stops))),
        ["refused"] = Apart(Of<ProjectTests>(nameof(ProjectTests.Refuses_models_with_the_place_and_the_reason), nameof(ProjectTests.Refuses_models_in_Python_that_are_enabled), nameof(ProjectTests.Refuses_schema_files_with_the_line_and_the_way_out))),
        ["`adapter`"] = OnBoth(Of<AdapterCallTests>(nameof(AdapterCallTests.Give_what_dbt_says_of_them))),
        ["`dbt.`"] = OnBoth(Of<CrossDatabaseMacroTests>(nameof(CrossDatabaseMacroTests.Give_what_dbt_says_of_them))),
        ["SQL of the materializations"] = OnBoth(Of<MaterializationTests>(
            nameof(MaterializationTests.A_project_overrides_the_SQL_of_dbt), nameof(MaterializationTests.A_project_overrides_the_SQL_of_increments), nameof(MaterializationTests.A_project_overrides_how_columns_change_and_tests_count), nameof(MaterializationTests.A_package_overrides_the_SQL_of_dbt_where_the_project_lets_it), nameof(MaterializationTests.Macros_call_the_SQL_of_dbt))),
        ["Materializations of one's own"] = OnBoth(Of<MaterializationTests>(
            nameof(MaterializationTests.A_package_brings_a_materialization), nameof(MaterializationTests.A_project_puts_its_own_in_the_place_of_one_of_dbt), nameof(MaterializationTests.A_package_does_not_take_the_place_of_one_of_dbt),
            nameof(MaterializationTests.A_project_puts_its_own_around_that_of_tests))),
        ["Macros that are code here"] = Apart([.. Of<ProjectTests>(nameof(ProjectTests.Refuses_macros_in_the_place_of_what_is_code_here)), .. Of<MaterializationTests>(nameof(MaterializationTests.Refuses_materializations_in_the_place_of_what_is_code_here))]),
        ["materializations"] = OnBoth(Of<RunTests>(nameof(RunTests.Builds_a_shop), nameof(RunTests.Puts_ephemeral_models_into_those_that_read_them), nameof(RunTests.An_error_leaves_the_old_table_and_skips_what_reads_it))),
        ["incremental"] = OnBoth(
            [.. Of<RunTests>(nameof(RunTests.Builds_increments), nameof(RunTests.Changes_what_a_strategy_is_told_to), nameof(RunTests.Changes_the_columns_of_increments), nameof(RunTests.Stops_when_columns_change_and_that_is_to_fail)),
                .. Of<MaterializationTests>(nameof(MaterializationTests.A_project_brings_an_incremental_strategy))]),
        ["materialized views"] = OnPostgreSql(Of<MaterializedViewTests>(nameof(MaterializedViewTests.Is_made_then_refreshed), nameof(MaterializedViewTests.Other_indexes_are_made_warned_of_or_refused), nameof(MaterializedViewTests.Takes_the_place_of_what_was_there_and_leaves_it))),
        ["microbatch"] = OnBoth(Of<MicrobatchTests>(nameof(MicrobatchTests.Builds_all_batches_at_first_and_later_the_last_ones), nameof(MicrobatchTests.Batches_that_fail_leave_the_others_and_are_run_again), nameof(MicrobatchTests.A_configuration_that_lacks_something_stops))),
        ["contracts"] = OnBoth(Of<PropertyTests>(nameof(PropertyTests.Contracts_make_the_columns_and_constraints), nameof(PropertyTests.Constraints_can_be_SQL_of_ones_own), nameof(PropertyTests.A_query_that_breaks_the_contract_fails_with_the_columns), nameof(PropertyTests.A_contract_that_cannot_be_kept_stops))),
        ["beside the rows"] = OnBoth(Of<PropertyTests>(
            nameof(PropertyTests.Descriptions_become_comments), nameof(PropertyTests.Indexes_are_made_with_tables), nameof(PropertyTests.Grants_are_given_and_taken), nameof(PropertyTests.Grants_are_warned_of_where_there_are_none),
            nameof(PropertyTests.A_header_runs_before_the_query), nameof(PropertyTests.Tables_can_be_unlogged))),
        ["snapshot"] = OnBoth(Of<RunTests>(nameof(RunTests.Keeps_versions_of_changed_rows), nameof(RunTests.Names_the_columns_of_versions_and_the_end_of_those_that_hold), nameof(RunTests.Notices_rows_that_are_gone))),
        ["seed"] = OnBoth(Of<RunTests>(nameof(RunTests.Seeds_have_the_types_of_their_values), nameof(RunTests.Seeds_have_the_delimiter_that_is_configured))),
        ["tests"] = OnBoth(Of<RunTests>(nameof(RunTests.Tests_of_all_kinds_say_what_they_found), nameof(RunTests.Tests_keep_the_rows_that_they_find_as_configured), nameof(RunTests.A_failed_test_skips_what_comes_after_in_a_build))),
        ["unit tests"] = OnBoth(Of<UnitTestTests>(
            nameof(UnitTestTests.Run_before_their_model_on_the_rows_that_they_give), nameof(UnitTestTests.Test_the_versions_of_a_model), nameof(UnitTestTests.Stop_when_they_are_wrong), nameof(UnitTestTests.Fail_with_the_reason_when_their_rows_do_not_fit))),
        ["hooks"] = OnBoth(Of<RunTests>(nameof(RunTests.Runs_hooks_before_and_after))),
        ["selection"] = OnBoth([.. Of<SelectionTests>(nameof(SelectionTests.Selects_what_dbt_does)), .. Of<RunTests>(nameof(RunTests.Builds_what_is_selected_and_its_tests))]),
        ["state"] = OnBoth([.. Of<StateTests>(nameof(StateTests.Selects_what_has_changed), nameof(StateTests.Selects_by_earlier_results), nameof(StateTests.Reads_what_is_not_selected_where_the_earlier_run_has_it), nameof(StateTests.Reads_what_this_target_has_unless_the_state_is_favoured)),
            .. Of<SourceFreshnessTests>(nameof(SourceFreshnessTests.Selects_sources_that_are_fresher_than_before))]),
        ["sources"] = OnBoth(Of<SourceFreshnessTests>(nameof(SourceFreshnessTests.Finds_how_old_sources_are))),
        ["samples"] = OnBoth(Of<MicrobatchTests>(nameof(MicrobatchTests.A_sample_is_read_of_inputs_with_a_time))),
        ["commands"] = OnBoth([.. Of<CloneTests>(nameof(CloneTests.Points_at_what_the_earlier_run_has), nameof(CloneTests.Shows_the_rows_of_nodes_and_makes_nothing)), .. Of<RunTests>(nameof(RunTests.Runs_an_operation), nameof(RunTests.Builds_a_shop)), .. Of<RetryTests>(nameof(RetryTests.Runs_what_failed_and_what_was_skipped_with_the_options_of_before)),
            .. Of<SourceFreshnessTests>(nameof(SourceFreshnessTests.Writes_a_catalog_of_what_there_is), nameof(SourceFreshnessTests.Cleans_what_it_is_told_to_and_nothing_else)), .. Of<ToolTests>(nameof(ToolTests.Ends_as_dbt_does))]),
        ["artifacts"] = OnBoth([.. Of<RunTests>(nameof(RunTests.Builds_a_shop)), .. Of<ManifestTests>(nameof(ManifestTests.Configurations_have_all_keys_that_dbt_gives_them)), .. Of<SourceFreshnessTests>(nameof(SourceFreshnessTests.Writes_a_catalog_of_what_there_is))]),
        ["Profiles."] = OnBoth([.. Of<RetryTests>(nameof(RetryTests.Runs_what_failed_and_what_was_skipped_with_the_options_of_before)), .. Of<ToolTests>(nameof(ToolTests.Ends_as_dbt_does))]),
        ["Options"] = Apart(Of<ToolTests>(nameof(ToolTests.Ends_as_dbt_does), nameof(ToolTests.Says_what_dbt_says))),
        ["Exit codes."] = OnBoth([.. Of<ToolTests>(nameof(ToolTests.Ends_as_dbt_does)), .. Of<SourceFreshnessTests>(nameof(SourceFreshnessTests.Finds_how_old_sources_are))]),
        ["Lines."] = Apart(Of<ToolTests>(nameof(ToolTests.Says_what_dbt_says), nameof(ToolTests.Its_events_have_the_shape_of_dbts))),
        ["Signals."] = Apart(Of<ToolTests>(nameof(ToolTests.When_stopped_it_cancels_queries_and_leaves_what_was_done))),
        ["`--empty`"] = OnBoth(Of<ManifestTests>(nameof(ManifestTests.Nothing_is_read_of_an_empty_run))),
        ["`ls`"] = Apart(Of<ToolTests>(nameof(ToolTests.Lists_analyses_when_they_are_asked_for))),
        ["`retry`"] = OnBoth(Of<RetryTests>(nameof(RetryTests.Runs_what_failed_and_what_was_skipped_with_the_options_of_before), nameof(RetryTests.Calls_a_macro_again_with_its_arguments))),
        ["`deps`"] = Apart(Of<SourceFreshnessTests>(nameof(SourceFreshnessTests.Finds_the_packages_that_are_there_and_names_those_that_are_not))),
        ["`show`"] = Apart(Of<ShowToolTests>(nameof(ShowToolTests.Writes_rows_as_text_or_JSON), nameof(ShowToolTests.Takes_a_query_in_place_of_nodes))),
        ["Not there:"] = Apart(Of<ToolTests>(nameof(ToolTests.Ends_as_dbt_does))),
        ["Tables"] = OnBoth(Of<RunTests>(nameof(RunTests.An_error_leaves_the_old_table_and_skips_what_reads_it), nameof(RunTests.Runs_hooks_before_and_after))),
        ["Large numbers"] = OnBoth(Of<RunTests>(nameof(RunTests.Seeds_have_room_for_large_numbers))),
        ["Numeric results"] = OnBoth(Of<ProjectTests>(nameof(ProjectTests.Renders_what_templates_ask_for))),
    };

    [Fact]
    public void Has_no_line_without_a_test() => Page().Keys.Should().BeEquivalentTo(Lines.Keys, "a line of docs/dbt-engine.md names its tests here");

    [Fact]
    public async Task Tests_each_line_on_the_warehouses_that_it_is_of()
    {
        foreach (var (name, line) in Lines)
        {
            var systems = new HashSet<string>(StringComparer.Ordinal);
            foreach (var test in line.Tests) systems.UnionWith(await SystemsAsync(test));
            line.Tests.Should().NotBeEmpty("'{0}' is a line of the page", name);
            line.Systems.Except(systems).Should().BeEmpty("'{0}' is to be shown there too", name);
            Page()[name].Contains(line.Says, StringComparison.Ordinal).Should().BeTrue("'{0}' has tests on one warehouse", name);
        }
    }

    [Fact]
    public void Names_each_call_of_adapter_that_is_tested() => Names("`adapter`").Should().BeEquivalentTo(AdapterCallTests.Calls);

    [Fact]
    public void Names_each_macro_that_is_tested() => Names("`dbt.`").Should().BeEquivalentTo(CrossDatabaseMacroTests.Macros);

    [Fact]
    public async Task Names_what_templates_know_as_it_is_tested()
    {
        var tests = Of<ProjectTests>(nameof(ProjectTests.Renders_what_templates_ask_for)).Concat(Of<PackageObjectTests>(nameof(PackageObjectTests.Gives_what_dbt_gives)));
        var templates = ContextTests.Templates.ToList();
        foreach (var test in tests) templates.AddRange((await DataAsync(test)).SelectMany(data => data.OfType<string>()));
        var text = Text("Templates");

        var names = Quoted().Matches(text[..text.IndexOf("\n- ", StringComparison.Ordinal)]).Select(name => name.Groups[1].Value);

        // Descriptions have docs in them, and metrics need a semantic model.
        names.Except(["doc", "metric"]).Where(name => !templates.Exists(template => Regex.IsMatch(template, $@"\b{Regex.Escape(name)}\b"))).Should().BeEmpty("each has a test");
    }

    private static Line OnBoth(MethodInfo[] tests) => new(["duckdb", "postgres"], tests);

    private static Line OnDuckDb(MethodInfo[] tests) => new([], tests, "on DuckDB");

    private static Line OnPostgreSql(MethodInfo[] tests) => new([], tests, "PostgreSQL");

    /// <summary>Of what is apart from the warehouse: it is known, or stops, before anything runs, or is the affair of the command.</summary>
    private static Line Apart(MethodInfo[] tests) => new([], tests);

    private static MethodInfo[] Of<T>(params string[] names) => [.. names.Select(name => typeof(T).GetMethod(name)!)];

    /// <summary>The warehouses that a test is called with.</summary>
    private static async Task<IEnumerable<string>> SystemsAsync(MethodInfo test) =>
        test.GetParameters() is [{ Name: "system" }, ..] ? (await DataAsync(test)).Select(arguments => (string)arguments[0]!) : [];

    /// <summary>What a theory is called with.</summary>
    private static async Task<IReadOnlyList<object?[]>> DataAsync(MethodInfo test)
    {
        await using var tracker = new DisposalTracker();
        var rows = new List<object?[]>();
        foreach (var data in test.GetCustomAttributes<DataAttribute>()) rows.AddRange((await data.GetData(test, tracker)).Select(row => row.GetData()));
        return rows;
    }

    /// <summary>The names that a line of the page begins with, without what stands between brackets.</summary>
    private static IEnumerable<string> Names(string line) => Bracketed().Replace(Page()[line], "").Split('.')[0].Split(',').Select(name => name.Trim());

    /// <summary>The lines of the page by what they are called: the rows of its tables, and the items of its lists.</summary>
    private static Dictionary<string, string> Page() => Row().Matches(Text("Projects") + Text("Runs")).Concat(Item().Matches(Text("Templates") + Text("The command") + Text("What differs")))
        .Where(line => line.Groups[1].Value is not ("what" or "---")).ToDictionary(line => line.Groups[1].Value, line => line.Groups[2].Value, StringComparer.Ordinal);

    /// <summary>What the page says under a heading.</summary>
    private static string Text(string heading) =>
        File.ReadAllText(Path.Combine(RepositoryFolder.Path, "docs", "dbt-engine.md")).Split("\n## ").Single(section => section.StartsWith($"{heading}\n", StringComparison.Ordinal));

    /// <param name="Systems">The warehouses that the tests are to be called with.</param>
    /// <param name="Tests">The tests of the line.</param>
    /// <param name="Says">What the line says of where it holds.</param>
    private sealed record Line(string[] Systems, MethodInfo[] Tests, string Says = "");

    [GeneratedRegex(@"^\| ?(.+?) ?\| ?(.+?) ?\|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\n- \*\*(.+?)\*\*:? (.+?)(?=\n- |\n*$)", RegexOptions.Singleline)]
    private static partial Regex Item();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\s*\([^)]*\)")]
    private static partial Regex Bracketed();
}
