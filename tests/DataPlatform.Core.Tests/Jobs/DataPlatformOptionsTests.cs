using DataPlatform.Jobs;
using Microsoft.Extensions.Configuration;

namespace DataPlatform.Core.Tests.Jobs;

public class DataPlatformOptionsTests
{
    [Fact]
    public void Defaults_hold_without_configuration()
    {
        var (options, failures) = Read();

        failures.Should().BeEmpty();
        options.Should().BeEquivalentTo(new DataPlatformOptions());
    }

    [Fact]
    public void Every_setting_is_read()
    {
        var (options, failures) = Read(
            ("LogicalDate", "2026-01-31"), ("GracePeriod", "00:00:10"), ("LeaseDuration", "90s"), ("LeaseWait", "5m"), ("TerminationLogPath", "/tmp/log"),
            ("Ledger", "lakehouse"), ("MaxParallelSteps", "7"), ("Resilience:step:MaxRetries", "5"), ("Resilience:slow:Delay", "250ms"), ("Resilience:slow:MaxDelay", "1.5h"));

        failures.Should().BeEmpty();
        options.LogicalDate.Should().Be(new DateOnly(2026, 1, 31));
        options.GracePeriod.Should().Be(TimeSpan.FromSeconds(10));
        options.LeaseDuration.Should().Be(TimeSpan.FromSeconds(90));
        options.LeaseWait.Should().Be(TimeSpan.FromMinutes(5));
        options.TerminationLogPath.Should().Be("/tmp/log");
        options.Ledger.Should().Be("lakehouse");
        options.MaxParallelSteps.Should().Be(7);
        options.Resilience["step"].MaxRetries.Should().Be(5);
        options.Resilience["slow"].Delay.Should().Be(TimeSpan.FromMilliseconds(250));
        options.Resilience["slow"].MaxDelay.Should().Be(TimeSpan.FromHours(1.5));
    }

    [Fact]
    public void Everything_that_is_wrong_is_said_at_once()
    {
        var (_, failures) = Read(
            ("LogicalDate", "31.1.2026"), ("GracePeriod", "25"), ("LeaseWait", "soon"), ("LeaseDuration", "10ms"), ("MaxParallelSteps", "0"),
            ("Resilience:step:MaxRetries", "-1"), ("Resilience:slow:Delay", "1h"));

        failures.Should().BeEquivalentTo(
            "'DataPlatform:LogicalDate' is '31.1.2026', which is not a date such as 2026-01-31.",
            "'DataPlatform:GracePeriod' is '25', which is not a duration such as 00:00:25, 25s or 5m.",
            "'DataPlatform:LeaseWait' is 'soon', which is not a duration such as 00:00:25, 25s or 5m.",
            "'DataPlatform:LeaseDuration' must be 1 s or longer.",
            "'DataPlatform:MaxParallelSteps' must be 1 or more.",
            "'DataPlatform:Resilience:step:MaxRetries' must be 0 or more.",
            "'DataPlatform:Resilience:slow:MaxDelay' must be at least as long as Delay.");
    }

    [Theory]
    [InlineData("1e300h")]
    [InlineData("NaNs")]
    [InlineData("s")]
    [InlineData("99999999:00:00:00")]
    public void A_duration_that_cannot_be_is_refused(string text)
    {
        var (_, failures) = Read(("LeaseWait", text));

        failures.Should().ContainSingle().Which.Should().Contain(text);
    }

    private static (DataPlatformOptions Options, IEnumerable<string> Failures) Read(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => new KeyValuePair<string, string?>($"DataPlatform:{s.Key}", s.Value))).Build();
        var setup = new DataPlatformOptionsSetup(configuration);
        var options = new DataPlatformOptions();
        setup.Configure(options);
        return (options, setup.Validate(null, options).Failures ?? []);
    }
}
