using System.Text.RegularExpressions;
using DataPlatform.Testing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace DataPlatform.Samples.Tests;

public sealed partial class DocumentTests
{
    public static TheoryData<string, int> CodeBlocks()
    {
        var blocks = new TheoryData<string, int>();
        foreach (var document in Repository.Documents())
        {
            for (var i = 0; i < Repository.Blocks(document, "csharp").Count; i++) blocks.Add(document, i);
        }

        return blocks;
    }

    public static TheoryData<string> Documents() => [.. Repository.Documents()];

    [Theory]
    [MemberData(nameof(CodeBlocks))]
    public void Code_compiles(string document, int block)
    {
        var code = Repository.Blocks(document, "csharp")[block];

        Snippet.Compile(code).Should().BeEmpty($"this is in {document}:\n{code}");
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_lead_somewhere(string document)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Repository.Root, document))!;
        var links = Link().Matches(Repository.Read(document)).Select(link => link.Groups[1].Value.Split('#')[0])
            .Where(target => target.Length > 0 && !target.Contains(':', StringComparison.Ordinal));

        links.Where(target => !Path.Exists(Path.Combine(folder, target))).Should().BeEmpty();
    }

    [Fact]
    public void The_readme_shows_the_program_of_the_reference_pipeline()
    {
        Repository.Blocks("README.md", "csharp")[0].Should().Be(Repository.Read("samples/ReferencePipeline/Program.cs"));
    }

    [Fact]
    public void The_readme_shows_the_job_template()
    {
        Repository.Blocks("samples/JobTemplate/README.md", "csharp")[0].Should().Be(Repository.Read("samples/JobTemplate/Program.cs"));
    }

    [Fact]
    public async Task The_picture_of_the_readme_is_what_the_program_describes()
    {
        using var folder = new ScratchFolder();

        var described = await JobProcess.RunAsync("ReferencePipeline", [], folder.Path, "describe", "--format", "mermaid");

        described.ExitCode.Should().Be(0, described.All);
        Repository.Blocks("README.md", "mermaid")[0].Trim().Should().Be(described.Output.Trim());
    }

    [Fact]
    public void A_snippet_that_does_not_compile_is_found()
    {
        Snippet.Compile("builder.AddWarhouse(\"warehouse\");").Should().ContainSingle().Which.Should().Contain("AddWarhouse");
    }

    [GeneratedRegex(@"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    /// <summary>Compiles code as a reader would who pastes it into a program.</summary>
    private static class Snippet
    {
        // The name under which the sample shows what is internal to it.
        private const string Friend = "DataPlatform.Samples.Tests";

        private const string ImplicitUsings = """
            global using System;
            global using System.Collections.Generic;
            global using System.IO;
            global using System.Linq;
            global using System.Net.Http;
            global using System.Threading;
            global using System.Threading.Tasks;
            """;

        // What documents speak of and the reader has.
        private const string Given = """
            global using static Given;
            internal static class Given
            {
                public static readonly string connectionString = "";
                public sealed record TripRow(int Minutes);
                public sealed record CleanTrip(int Minutes)
                {
                    public static CleanTrip From(TripRow trip) => new(trip.Minutes);
                }
                public sealed record Journey(int Minutes)
                {
                    public static System.Collections.Generic.IEnumerable<Journey> Join(System.Collections.Generic.IEnumerable<TripRow> trips) => [];
                }
                public sealed class Revalue : FetchRates;
                public class FetchRates : DataPlatform.Pipelines.IStep
                {
                    public System.Threading.Tasks.Task RunAsync(DataPlatform.Pipelines.StepContext context, System.Threading.CancellationToken cancellationToken) => System.Threading.Tasks.Task.CompletedTask;
                }
                public static System.Threading.Tasks.ValueTask<string> GetTokenAsync(System.Threading.CancellationToken cancellationToken) => new("token");
            }
            """;

        // Whole programs name the namespaces they use; parts need not.
        private const string PartUsings = """
            using System.Collections.Concurrent;
            using System.ComponentModel.DataAnnotations;
            using System.ComponentModel.DataAnnotations.Schema;
            using System.Runtime.CompilerServices;
            using System.Text.Json;
            using Apache.Arrow;
            using DataPlatform;
            using DataPlatform.Dbt;
            using DataPlatform.DuckDb;
            using DataPlatform.Ingestion;
            using DataPlatform.Jobs;
            using DataPlatform.Ledger;
            using DataPlatform.MLOps;
            using DataPlatform.ObjectStores;
            using DataPlatform.ParquetSharp;
            using DataPlatform.Pipelines;
            using DataPlatform.Resilience;
            using DataPlatform.Secrets;
            using DataPlatform.Telemetry;
            using DataPlatform.Transform;
            using DataPlatform.Warehouses;
            using DataPlatform.Warehouses.PostgreSql;
            using Microsoft.Extensions.Configuration;
            using Microsoft.Extensions.DependencyInjection;
            using Microsoft.Extensions.Hosting;
            using Microsoft.Extensions.Logging;
            using ReferencePipeline;
            using ReferencePipeline.Model;

            """;

        private static readonly MetadataReference[] References =
        [
            .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
                .Where(path => Path.GetFileName(path) != $"{Friend}.dll")
                .Select(path => MetadataReference.CreateFromFile(path)),
        ];

        /// <summary>The errors.</summary>
        public static IReadOnlyList<string> Compile(string code)
        {
            var sources = new[] { ImplicitUsings, Given, Complete(code) }.Select(text => CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Preview))).ToList();
            var kind = sources[^1].GetRoot().ChildNodes().OfType<GlobalStatementSyntax>().Any() ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary;
            var compilation = CSharpCompilation.Create(Friend, sources, References, new CSharpCompilationOptions(kind, nullableContextOptions: NullableContextOptions.Enable));
            return [.. compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString())];
        }

        private static string Complete(string code)
        {
            if (code.Contains("Host.CreateApplicationBuilder", StringComparison.Ordinal) && code.Contains("using ", StringComparison.Ordinal)) return code;
            code = code.Replace("{ … }", "{ }", StringComparison.Ordinal);
            if (Uses(code, "pipeline") && !code.Contains("pipeline =>", StringComparison.Ordinal) && !code.Contains("var pipeline", StringComparison.Ordinal)) code = $"builder.AddPipeline(\"example\", pipeline =>\n{{\n{code}\n}});\n";
            if (Uses(code, "builder") && !code.Contains("var builder", StringComparison.Ordinal)) code = $"var builder = Host.CreateApplicationBuilder(args);\n{code}";
            return PartUsings + code;
        }

        private static bool Uses(string code, string name) => Regex.IsMatch(code, $@"(?<![\w.]){name}\s*\.");
    }
}
