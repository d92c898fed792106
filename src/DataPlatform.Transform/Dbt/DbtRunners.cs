using DataPlatform.Warehouses;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DataPlatform.Transform;

/// <summary>Chooses what runs dbt projects, as the configuration says.</summary>
internal static class DbtRunners
{
    /// <exception cref="DataPlatformException">There is none; the message says what to install.</exception>
    public static IDbtRunner Choose(IServiceProvider services, IWarehouse warehouse)
    {
        var options = DbtRunnerOptions.Read(services.GetService<IConfiguration>());
        var builtIn = services.GetKeyedService<IDbtRunner>(DbtRunnerKind.BuiltIn);
        DbtCliRunner Cli() => new(services.GetRequiredService<IOptionsMonitor<WarehouseOptions>>().Get(warehouse.Name).ConnectionString ?? "", options);
        return options.Runner switch
        {
            DbtRunnerKind.Cli => Cli(),
            DbtRunnerKind.BuiltIn => builtIn ?? throw Missing("Dbt:Runner is BuiltIn, and the built-in engine is not part of the program.", $"{HowToAddEngine}."),
            _ when DbtCliRunner.Supports(warehouse) && DbtExecutable.Find(options.Executable) is not null => Cli(),
            _ => builtIn ?? throw Missing(
                DbtCliRunner.Supports(warehouse)
                    ? $"There is nothing to run dbt projects with: no command '{options.Executable}' in PATH, and no built-in engine in the program."
                    : $"There is nothing to run dbt projects with on {warehouse.System}: the dbt command is run against PostgreSQL only, and there is no built-in engine in the program.",
                $"{HowToAddEngine}; or install dbt for PostgreSQL: pip install dbt-core dbt-postgres."),
        };
    }

    private const string HowToAddEngine = "Run `dotnet add package DataPlatform.Dbt` and add builder.AddBuiltInDbt() to the program";

    private static DataPlatformException Missing(string message, string hint) => new(FailureClass.Configuration, message, hint);
}
