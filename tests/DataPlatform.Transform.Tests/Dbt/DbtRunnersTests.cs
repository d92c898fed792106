using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Transform.Tests;

public sealed class DbtRunnersTests
{
    [Theory]
    [InlineData("Auto", true, "postgresql", true, "cli")]
    [InlineData("Auto", true, "postgresql", false, "cli")]
    [InlineData("Auto", false, "postgresql", true, "built-in")]
    [InlineData("Auto", true, "duckdb", true, "built-in")]
    [InlineData("Cli", false, "postgresql", true, "cli")]
    [InlineData("builtin", true, "postgresql", true, "built-in")]
    [InlineData("Auto", false, "postgresql", false, "There is nothing to run dbt projects with: no command 'no-such-dbt' in PATH, and no built-in engine in the program.")]
    [InlineData("Auto", true, "duckdb", false, "There is nothing to run dbt projects with on duckdb: the dbt command is run against PostgreSQL only, and there is no built-in engine in the program.")]
    [InlineData("BuiltIn", true, "postgresql", false, "Dbt:Runner is BuiltIn, and the built-in engine is not part of the program.")]
    [InlineData("Docker", true, "postgresql", true, "The section Dbt cannot be read: Failed to convert configuration value 'Docker' at 'Dbt:Runner' to type 'DataPlatform.Transform.DbtRunnerKind'. Docker is not a valid value for DbtRunnerKind.")]
    public async Task The_runner_is_chosen_by_configuration_and_by_what_there_is(string runner, bool hasCommand, string system, bool hasEngine, string expected)
    {
        using var folder = new ScratchFolder();
        await using IWarehouse warehouse = system == "duckdb" ? new DuckDbWarehouse("warehouse", $"DataSource={folder.Combine("w.duckdb")}") : new PostgreSqlWarehouse("warehouse", TestPostgres.ConnectionString);
        var services = new ServiceCollection().AddOptions();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection([new("Dbt:Runner", runner), new("Dbt:Executable", hasCommand ? RecordedDbt.Executable : "no-such-dbt")]).Build());
        if (hasEngine) services.AddKeyedSingleton<IDbtRunner>(DbtRunnerKind.BuiltIn, new Engine());
        await using var provider = services.BuildServiceProvider();

        var choose = () => DbtRunners.Choose(provider, warehouse);

        if (expected == "cli") choose().Should().BeOfType<DbtCliRunner>();
        else if (expected == "built-in") choose().Should().BeOfType<Engine>();
        else choose.Should().Throw<DataPlatformException>().WithMessage(expected).Which.FailureClass.Should().Be(FailureClass.Configuration);
    }

    private sealed class Engine : IDbtRunner
    {
        public Task CheckAsync(DbtInvocation invocation, IWarehouse warehouse, CancellationToken cancellationToken = default) => Task.CompletedTask;

        public Task<IReadOnlyList<DbtNode>> ListAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default) => throw new NotSupportedException();
    }
}
