namespace DataPlatform.Ledger;

/// <summary>How a ledger keeps its leases.</summary>
public sealed record LedgerOptions
{
    /// <summary>How long a lease holds without being renewed; it is renewed three times in that time. Default 30 s.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a held lease is looked at while waiting for it. Default 250 ms.</summary>
    public TimeSpan LeasePollInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Removes secrets from error texts before they are stored. Default: none to remove.</summary>
    public Func<string, string> Mask { get; init; } = static text => text;
}
