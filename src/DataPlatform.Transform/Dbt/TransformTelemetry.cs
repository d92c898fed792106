using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DataPlatform.Telemetry;

/// <summary>Names under which DataPlatform.Transform reports traces and metrics, for <c>AddSource</c> and <c>AddMeter</c> of OpenTelemetry.</summary>
public static class TransformTelemetry
{
    /// <summary>The name of the activity source. Activities: <c>dbt {node}</c> below the step's, one for each node.</summary>
    public const string ActivitySourceName = "DataPlatform.Transform";

    /// <summary>The name of the meter.</summary>
    public const string MeterName = "DataPlatform.Transform";

    /// <summary>Histogram, s: how long dbt nodes took. Tags: pipeline, step, resource_type, status.</summary>
    public const string DbtNodeDuration = "dataplatform.dbt.node.duration";

    /// <summary>Counter, {row}: rows that dbt nodes changed, as far as the database said. Tags: pipeline, step, resource_type.</summary>
    public const string DbtNodeRows = "dataplatform.dbt.node.rows";

    private static readonly Meter Meter = new(MeterName);

    internal static ActivitySource Source { get; } = new(ActivitySourceName);

    internal static Histogram<double> NodeDuration { get; } = Meter.CreateHistogram<double>(DbtNodeDuration, "s", "How long dbt nodes took.");

    internal static Counter<long> NodeRows { get; } = Meter.CreateCounter<long>(DbtNodeRows, "{row}", "Rows that dbt nodes changed.");
}
