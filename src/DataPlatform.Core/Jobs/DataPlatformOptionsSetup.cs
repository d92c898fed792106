using System.Globalization;
using DataPlatform.Resilience;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace DataPlatform.Jobs;

/// <summary>Reads <see cref="DataPlatformOptions"/> from configuration, without reflection, and says everything that is wrong with them at once.</summary>
internal sealed class DataPlatformOptionsSetup(IConfiguration configuration) : IConfigureOptions<DataPlatformOptions>, IValidateOptions<DataPlatformOptions>
{
    private static readonly (string Suffix, Func<double, TimeSpan> Create)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds), ("s", TimeSpan.FromSeconds), ("m", TimeSpan.FromMinutes), ("h", TimeSpan.FromHours),
    ];

    private readonly List<string> _unreadable = [];

    public void Configure(DataPlatformOptions options)
    {
        _unreadable.Clear();
        var section = configuration.GetSection(DataPlatformOptions.Section);
        Read(section, nameof(options.LogicalDate), "a date such as 2026-01-31", ParseDate, value => options.LogicalDate = value);
        ReadDuration(section, nameof(options.GracePeriod), value => options.GracePeriod = value);
        ReadDuration(section, nameof(options.LeaseDuration), value => options.LeaseDuration = value);
        ReadDuration(section, nameof(options.LeaseWait), value => options.LeaseWait = value);
        ReadInteger(section, nameof(options.MaxParallelSteps), value => options.MaxParallelSteps = value);
        options.TerminationLogPath = section[nameof(options.TerminationLogPath)] ?? options.TerminationLogPath;
        options.Ledger = section[nameof(options.Ledger)] is { Length: > 0 } ledger ? ledger : options.Ledger;
        foreach (var retry in section.GetSection(nameof(options.Resilience)).GetChildren()) options.Resilience[retry.Key] = ReadRetry(retry);
    }

    public ValidateOptionsResult Validate(string? name, DataPlatformOptions options)
    {
        var failures = new List<string>(_unreadable);
        void Require(bool holds, string setting, string rule)
        {
            if (!holds) failures.Add($"'{DataPlatformOptions.Section}:{setting}' must be {rule}.");
        }

        Require(options.GracePeriod > TimeSpan.Zero, nameof(options.GracePeriod), "longer than zero");
        Require(options.LeaseDuration >= TimeSpan.FromSeconds(1), nameof(options.LeaseDuration), "1 s or longer");
        Require(options.LeaseWait >= TimeSpan.Zero, nameof(options.LeaseWait), "zero or longer");
        Require(options.MaxParallelSteps > 0, nameof(options.MaxParallelSteps), "1 or more");
        foreach (var (key, retry) in options.Resilience)
        {
            var section = $"{nameof(options.Resilience)}:{key}";
            Require(retry.MaxRetries >= 0, $"{section}:{nameof(retry.MaxRetries)}", "0 or more");
            Require(retry.Delay >= TimeSpan.Zero, $"{section}:{nameof(retry.Delay)}", "zero or longer");
            Require(retry.MaxDelay >= retry.Delay, $"{section}:{nameof(retry.MaxDelay)}", "at least as long as Delay");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private RetryOptions ReadRetry(IConfigurationSection section)
    {
        var retry = new RetryOptions();
        ReadInteger(section, nameof(retry.MaxRetries), value => retry.MaxRetries = value);
        ReadDuration(section, nameof(retry.Delay), value => retry.Delay = value);
        ReadDuration(section, nameof(retry.MaxDelay), value => retry.MaxDelay = value);
        return retry;
    }

    private void ReadInteger(IConfigurationSection section, string key, Action<int> set) =>
        Read(section, key, "a whole number", text => int.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : null, set);

    private void ReadDuration(IConfigurationSection section, string key, Action<TimeSpan> set) =>
        Read(section, key, "a duration such as 00:00:25, 25s or 5m", ParseDuration, set);

    private void Read<T>(IConfigurationSection section, string key, string expected, Func<string, T?> parse, Action<T> set) where T : struct
    {
        if (section[key] is not { Length: > 0 } text) return;
        if (parse(text) is { } value) set(value);
        else _unreadable.Add($"'{section.Path}:{key}' is '{text}', which is not {expected}.");
    }

    private static DateOnly? ParseDate(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : null;

    // A bare number is refused: .NET would read 25 as 25 days.
    private static TimeSpan? ParseDuration(string text)
    {
        if (text.Contains(':', StringComparison.Ordinal)) return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : null;
        var (suffix, create) = Array.Find(Units, unit => text.EndsWith(unit.Suffix, StringComparison.Ordinal));
        return suffix is not null && double.TryParse(text.AsSpan(0, text.Length - suffix.Length), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && Math.Abs(number) < TimeSpan.MaxValue.TotalHours ? create(number) : null;
    }
}
