using DataPlatform.Resilience;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace DataPlatform.DuckDb.Tests;

public sealed class BuilderTests
{
    [Fact]
    public async Task A_connection_string_of_DuckDB_opens_DuckDB()
    {
        using var folder = new ScratchFolder();
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["ConnectionStrings:marts"] = $"DataSource={folder.Combine("x.duckdb")}" });
        builder.AddWarehouse("marts");
        builder.AddDuckDb();
        builder.AddDuckDb();
        using var host = builder.Build();

        var warehouse = host.Services.GetRequiredKeyedService<IWarehouse>("marts");
        warehouse.Should().BeOfType<DuckDbWarehouse>();
        warehouse.Name.Should().Be("marts");
        warehouse.System.Should().Be("duckdb");
        await warehouse.CheckAsync(TestContext.Current.CancellationToken);
        host.Services.GetRequiredService<IWarehouse>().Should().BeSameAs(warehouse);
        host.Services.GetServices<IFailureClassifier>().OfType<DuckDbFailureClassifier>().Should().ContainSingle();
        await warehouse.DisposeAsync();
    }

    [Fact]
    public void Options_come_from_the_warehouses_section_and_then_the_delegate()
    {
        using var host = Build(
            new() { ["DataPlatform:Warehouses:marts:MemoryLimit"] = "2GB", ["DataPlatform:Warehouses:marts:LockTimeout"] = "00:00:05", ["DataPlatform:Warehouses:other:Threads"] = "7" },
            options => options.Threads = 3);
        host.Services.GetRequiredService<IOptionsMonitor<DuckDbWarehouseOptions>>().Get("marts")
            .Should().BeEquivalentTo(new DuckDbWarehouseOptions { MemoryLimit = "2GB", LockTimeout = TimeSpan.FromSeconds(5), Threads = 3 });
    }

    [Theory]
    [InlineData("MemoryLimit", "lots")]
    [InlineData("MemoryLimit", "80%; DROP TABLE x")]
    [InlineData("Threads", "0")]
    [InlineData("LockTimeout", "-00:00:01")]
    public void Options_that_make_no_sense_are_a_configuration_failure(string option, string value)
    {
        using var host = Build(new() { ["ConnectionStrings:marts"] = "x.duckdb", [$"DataPlatform:Warehouses:marts:{option}"] = value });
        var exception = host.Services.Invoking(services => services.GetRequiredKeyedService<IWarehouse>("marts")).Should().Throw<OptionsValidationException>().Which;
        new FailureClassification().Classify(exception).Should().Match<Failure>(failure => failure.Class == FailureClass.Configuration && failure.Message.Contains(option));
    }

    private static IHost Build(Dictionary<string, string?> configuration, Action<DuckDbWarehouseOptions>? configure = null)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(configuration);
        builder.AddWarehouse("marts");
        builder.AddDuckDb(configure);
        return builder.Build();
    }
}
