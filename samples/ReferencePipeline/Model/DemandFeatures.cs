using Microsoft.ML.Data;

namespace ReferencePipeline.Model;

/// <summary>What is known of an hour at a station the day before, and, once it is over, its demand.</summary>
public sealed record DemandFeatures(
    int StationId,
    DateTime Hour,
    int HourOfDay,
    int DayOfWeek,
    decimal TemperatureC,
    decimal PrecipitationMm,
    int WindKph,
    int TripsYesterday,
    int TripsLastWeek,
    int UsualTrips,
    int UsualDays,
    int? Trips);

/// <summary>The features as ML.NET takes them.</summary>
internal sealed class DemandVector
{
    public DemandVector(DemandFeatures row)
    {
        Features =
        [
            row.StationId, row.HourOfDay, row.DayOfWeek, row.DayOfWeek >= 6 ? 1 : 0,
            (float)row.TemperatureC, (float)row.PrecipitationMm, row.WindKph, row.TripsYesterday, row.TripsLastWeek,
            row.UsualDays == 0 ? row.TripsYesterday : (float)row.UsualTrips / row.UsualDays,
        ];
        Label = row.Trips ?? float.NaN;
    }

    [VectorType(10)]
    public float[] Features { get; }

    public float Label { get; }
}
