using DataPlatform.Testing;

namespace DataPlatform.Transform.Tests;

public sealed class DbtArtifactTests
{
    [Fact]
    public void Lineage_sees_through_ephemeral_models()
    {
        var manifest = DbtManifest.Read(RecordedDbt.File("lab_build", "manifest.macros-trimmed.json"));
        manifest.ProjectName.Should().Be("lab");
        manifest.Nodes["test.lab.not_null_ok_b_id.7dcfde59f2"].DependsOn.Should().Equal("model.lab.ok_b");
        manifest.Nodes["unit_test.lab.ut_model.ut_fail"].Node.ResourceType.Should().Be("unit_test");

        var lineage = manifest.GetLineage().ToDictionary(node => node.UniqueId, node => $"{string.Join(",", node.Inputs)} > {node.Output}");
        lineage.Should().NotContainKey("model.lab.eph");
        lineage["model.lab.inc"].Should().Be(" > \"dp\".\"lab\".\"inc\"");
        lineage["model.lab.ok_b"].Should().Be("\"dp\".\"lab\".\"ok_a\" > \"dp\".\"lab\".\"ok_b\"");
        lineage["model.lab.uses_src"].Should().Be("\"dp\".\"lab_raw\".\"events\" > \"dp\".\"lab\".\"uses_src\"");
        lineage["snapshot.lab.snap_a"].Should().Be("\"dp\".\"lab\".\"s1\" > \"dp\".\"lab\".\"snap_a\"");
    }

    [Fact]
    public void What_an_ephemeral_model_reads_is_read_by_who_uses_it()
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(folder.Combine("manifest.json"), """
            {"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "added_in_a_minor": 1}, "nodes": {
                "model.p.a": {"relation_name": "a", "resource_type": "model", "config": {"materialized": "table"}, "depends_on": {"nodes": []}},
                "model.p.e": {"relation_name": "e", "resource_type": "model", "config": {"materialized": "ephemeral"}, "depends_on": {"nodes": ["model.p.a", "model.p.gone"]}},
                "model.p.b": {"relation_name": "b", "resource_type": "model", "config": {"materialized": "view"}, "depends_on": {"nodes": ["model.p.e", "model.p.a"]}, "added": []}},
             "added": {}}
            """);
        DbtManifest.Read(folder.Combine("manifest.json")).GetLineage().Should().BeEquivalentTo([new DbtLineage("model.p.a", [], "a"), new DbtLineage("model.p.b", ["a"], "b")]);
    }

    [Fact]
    public void Sources_are_read_with_their_age()
    {
        DbtSources.Read(RecordedDbt.File("f_fresh_all", "sources.json")).Sources.Select(source => (source.UniqueId, source.Status, source.Age)).Should().Equal(
            ("source.lab.raw.events", DbtStatus.Pass, TimeSpan.FromSeconds(407.355437)), ("source.lab.raw.events_warn", DbtStatus.Warn, TimeSpan.FromSeconds(11207.371978)),
            ("source.lab.raw.events_stale", DbtStatus.Error, TimeSpan.FromSeconds(259607.370073)));
    }

    [Theory]
    [InlineData("""{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v7.json"}}""", "its metadata.dbt_schema_version is 'https://schemas.getdbt.com/dbt/run-results/v7.json' and must be run-results/v6")]
    [InlineData("""{"metadata": {}}""", "it has no metadata.dbt_schema_version")]
    [InlineData("[]", "it does not hold an object")]
    [InlineData("{\n  \"metadata\": {\"dbt", "it is not JSON at line 2, byte 20")]
    [InlineData(null, "there is no such file")]
    [InlineData("""{"metadata": {"dbt_schema_version": "x/run-results/v6.json"}, "results": [{"status": "success"}]}""", "results[0] has no unique_id")]
    public void An_artifact_that_cannot_be_read_says_why(string? content, string problem)
    {
        using var folder = new ScratchFolder();
        var path = folder.Combine("run_results.json");
        if (content is not null) File.WriteAllText(path, content);
        var read = () => DbtRunResults.Read(path);
        var thrown = read.Should().Throw<DataPlatformException>().Which;
        thrown.Message.Should().Be($"dbt's artifact {path} cannot be read: {problem}.");
        thrown.FailureClass.Should().Be(FailureClass.Configuration);
    }
}
