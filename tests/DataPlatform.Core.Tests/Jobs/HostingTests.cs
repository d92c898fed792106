using DataPlatform.Jobs;
using DataPlatform.Jobs.Output;
using DataPlatform.Pipelines;
using DataPlatform.Secrets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DataPlatform.Core.Tests.Jobs;

public class HostingTests
{
    [Fact]
    public void Adding_the_platform_twice_adds_it_once_and_configures_it_twice()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);

        builder.AddDataPlatform(o => o.MaxParallelSteps = 3).AddDataPlatform(o => o.Ledger = "other");

        builder.Services.Count(s => s.ServiceType == typeof(JobConsole)).Should().Be(1);
        using var host = builder.Build();
        host.Services.GetRequiredService<IOptions<DataPlatformOptions>>().Value.Should().Match<DataPlatformOptions>(o => o.MaxParallelSteps == 3 && o.Ledger == "other");
        host.Services.GetServices<ISecretStore>().Select(s => s.Scheme).Should().Equal("env", "file");
        host.Services.GetServices<IRunObserver>().Should().ContainSingle(o => o is RunProgress);
    }

    [Fact]
    public void Code_has_the_last_word_on_options()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddCommandLine(["--DataPlatform:MaxParallelSteps=2", "--DataPlatform:Ledger=configured"]);
        builder.AddDataPlatform(o => o.MaxParallelSteps++);

        using var host = builder.Build();

        host.Services.GetRequiredService<IOptions<DataPlatformOptions>>().Value.Should().Match<DataPlatformOptions>(o => o.MaxParallelSteps == 3 && o.Ledger == "configured");
    }

    [Theory]
    [InlineData("Microsoft.Hosting", LogLevel.Information, false)]
    [InlineData("Npgsql.Command", LogLevel.Information, false)]
    [InlineData("Npgsql.Command", LogLevel.Warning, true)]
    [InlineData("Acme.Rates", LogLevel.Information, true)]
    [InlineData("System.Net.Http.HttpClient", LogLevel.Information, true)]
    public void Libraries_are_quiet_unless_configuration_says_otherwise(string category, LogLevel level, bool expected)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddCommandLine(["--Logging:LogLevel:Default=Information", "--Logging:LogLevel:System=Information"]);
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.AddDataPlatform();

        using var host = builder.Build();

        host.Services.GetRequiredService<ILoggerFactory>().CreateLogger(category).IsEnabled(level).Should().Be(expected);
    }

    [Fact]
    public async Task A_host_without_the_platform_is_not_a_job()
    {
        using var host = Host.CreateEmptyApplicationBuilder(null).Build();

        await host.Invoking(h => h.RunJobAsync([])).Should().ThrowAsync<InvalidOperationException>().WithMessage("*builder.AddDataPlatform()*");
    }
}
