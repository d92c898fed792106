using DataPlatform.Ledger;
using DataPlatform.MLOps;
using DataPlatform.Pipelines;

namespace ReferencePipeline.Report;

/// <summary>What the report shows.</summary>
internal sealed record ReportData(
    RunInfo Run,
    string Lake,
    string Warehouse,
    IReadOnlyList<StepRunRecord> Steps,
    IReadOnlyList<LoadRecord> Loads,
    IReadOnlyList<Rejection> Rejections,
    IReadOnlyList<HourOfDemand> Demand,
    IReadOnlyList<StationForecast> Tomorrow,
    IReadOnlyList<ModelVersion> Models,
    long Trips);

/// <summary>How many rows were rejected for a reason.</summary>
internal sealed record Rejection(string Step, string Reason, long Rows);

/// <summary>The whole city's demand in an hour: what came, and what was or is expected.</summary>
internal sealed record HourOfDemand(DateTime Hour, long? Actual, decimal? Predicted);

/// <summary>What is expected of a station tomorrow, hour by hour.</summary>
internal sealed record StationForecast(string Station, IReadOnlyList<decimal> Hours);
