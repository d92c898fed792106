namespace DataPlatform.Dbt.Engine;

/// <summary>Each line of the page that says what is supported has tests.</summary>
public sealed class SubsetPageTests
{
    private static readonly Dictionary<string, string[]> Tests = new(StringComparer.Ordinal)
    {
        ["`dbt_project.yml`"] = [nameof(ProjectTests.Configures_by_folder_then_yaml_then_the_model_itself), nameof(ProjectTests.Takes_the_names_of_folders_from_before_version_1), nameof(ProjectTests.Vars_are_templates), nameof(ProjectTests.Refuses_a_project_for_another_dbt)],
        ["packages"] = [nameof(PackageTests.Vars_of_a_package_and_its_models_are_set_by_the_project), nameof(PackageTests.The_project_overrides_what_a_package_dispatches)],
        ["YAML files"] = [nameof(ProjectTests.Refuses_schema_files_with_the_line_and_the_way_out), nameof(DescriptionTests.Warns_of_keys_that_have_no_effect)],
        ["configuration"] = [nameof(ProjectTests.Configures_by_folder_then_yaml_then_the_model_itself)],
        ["names of relations"] = [nameof(ProjectTests.A_project_overrides_where_relations_are), nameof(RelationTests.Names_are_quoted_as_the_project_and_its_sources_say)],
        ["versions of models"] = [nameof(VersionTests.Are_nodes_of_one_name), nameof(VersionTests.A_version_that_is_not_there_stops)],
        ["groups and access"] = [nameof(DescriptionTests.A_private_model_is_for_its_group_and_its_tests), nameof(DescriptionTests.Protected_models_of_a_package_that_restricts_access_are_its_own)],
        ["semantic layer"] = [nameof(DescriptionTests.Are_in_the_manifest_and_nothing_is_run_for_them), nameof(DescriptionTests.Names_that_are_not_there_stop)],
        ["files as sources"] = [nameof(RelationTests.Sources_of_DuckDB_can_be_files_of_the_project), nameof(RelationTests.A_location_of_files_that_names_what_is_not_there_stops)],
        ["refused"] = [nameof(ProjectTests.Refuses_models_with_the_place_and_the_reason), nameof(ProjectTests.Refuses_schema_files_with_the_line_and_the_way_out)],
        ["materializations"] = [nameof(RunTests.Builds_a_shop), nameof(RunTests.Puts_ephemeral_models_into_those_that_read_them), nameof(RunTests.An_error_leaves_the_old_table_and_skips_what_reads_it)],
        ["incremental"] = [nameof(RunTests.Builds_increments), nameof(RunTests.Changes_the_columns_of_increments), nameof(MaterializationTests.A_project_brings_an_incremental_strategy)],
        ["materialized views"] = [nameof(MaterializedViewTests.Is_made_then_refreshed), nameof(MaterializedViewTests.Other_indexes_are_made_warned_of_or_refused), nameof(MaterializedViewTests.Takes_the_place_of_what_was_there_and_leaves_it)],
        ["microbatch"] = [nameof(MicrobatchTests.Builds_all_batches_at_first_and_later_the_last_ones), nameof(MicrobatchTests.Batches_that_fail_leave_the_others_and_are_run_again), nameof(MicrobatchTests.A_configuration_that_lacks_something_stops)],
        ["contracts"] = [nameof(PropertyTests.Contracts_make_the_columns_and_constraints), nameof(PropertyTests.A_query_that_breaks_the_contract_fails_with_the_columns), nameof(PropertyTests.A_contract_that_cannot_be_kept_stops)],
        ["beside the rows"] = [nameof(PropertyTests.Descriptions_become_comments), nameof(PropertyTests.Indexes_are_made_with_tables), nameof(PropertyTests.Grants_are_given_and_taken), nameof(PropertyTests.Grants_are_warned_of_where_there_are_none), nameof(PropertyTests.A_header_runs_before_the_query), nameof(PropertyTests.Tables_can_be_unlogged)],
        ["snapshot"] = [nameof(RunTests.Keeps_versions_of_changed_rows), nameof(RunTests.Notices_rows_that_are_gone)],
        ["seed"] = [nameof(RunTests.Seeds_have_the_types_of_their_values)],
        ["tests"] = [nameof(RunTests.Tests_of_all_kinds_say_what_they_found), nameof(RunTests.A_failed_test_skips_what_comes_after_in_a_build)],
        ["unit tests"] = [nameof(UnitTestTests.Run_before_their_model_on_the_rows_that_they_give), nameof(UnitTestTests.Stop_when_they_are_wrong), nameof(UnitTestTests.Fail_with_the_reason_when_their_rows_do_not_fit)],
        ["hooks"] = [nameof(RunTests.Runs_hooks_before_and_after)],
        ["selection"] = [nameof(Dbt.Selection.SelectionTests.Selects_what_dbt_does), nameof(RunTests.Builds_what_is_selected_and_its_tests)],
        ["state"] = [nameof(Dbt.Tool.StateTests.Selects_what_has_changed), nameof(Dbt.Tool.StateTests.Selects_by_earlier_results), nameof(Dbt.Tool.StateTests.Reads_what_is_not_selected_where_the_earlier_run_has_it)],
        ["sources"] = [nameof(Dbt.Tool.SourceFreshnessTests.Finds_how_old_sources_are)],
        ["samples"] = [nameof(MicrobatchTests.A_sample_is_read_of_inputs_with_a_time)],
        ["commands"] = [nameof(CloneTests.Points_at_what_the_earlier_run_has), nameof(CloneTests.Shows_the_rows_of_nodes_and_makes_nothing), nameof(RunTests.Runs_an_operation), nameof(RunTests.Builds_a_shop)],
        ["artifacts"] = [nameof(RunTests.Builds_a_shop)],
    };

    [Fact]
    public void Has_no_line_without_a_test()
    {
        var lines = File.ReadAllLines(FindPage()).SkipWhile(line => line != "## Projects").TakeWhile(line => line != "## What differs");

        var rows = lines.Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Select(line => line.Split('|')[1].Trim()).Where(row => row != "what");

        rows.Should().BeSubsetOf(Tests.Keys, "a line of docs/dbt-engine.md names its tests here");
        Tests.Values.Should().NotContain(tests => tests.Length == 0);
    }

    private static string FindPage()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "DataPlatform.sln"))) folder = Path.GetDirectoryName(folder)!;
        return Path.Combine(folder, "docs", "dbt-engine.md");
    }
}
