namespace DataPlatform.Transform;

/// <summary>What a check found. A check step hands on the list of them as <c>checks</c>, and they are in the audit event of the step.</summary>
/// <param name="Check">The check: <c>not null: station_id</c>.</param>
/// <param name="Passed">Whether it holds.</param>
/// <param name="IsWarning">Whether it only warns when it does not hold.</param>
/// <param name="FailingRows">How many rows break it; 1 when it is about the table as a whole.</param>
/// <param name="Detail">What was found, for checks about the table as a whole; else null.</param>
/// <param name="Samples">Up to five of the rows that break it, as <c>column=value, …</c>.</param>
public sealed record CheckResult(string Check, bool Passed, bool IsWarning, long FailingRows, string? Detail, IReadOnlyList<string> Samples);
