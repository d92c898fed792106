using System.ComponentModel.DataAnnotations;
using DataPlatform.Warehouses;

namespace ReferencePipeline;

/// <summary>A trip as the operator of the bikes exports it. A trip that is corrected later comes again with the same id.</summary>
public sealed record Trip(
    long TripId,
    [AllowedValues("classic", "electric")] string BikeType,
    DateTime StartedAt,
    DateTime EndedAt,
    int StartStationId,
    string StartStation,
    int EndStationId,
    string EndStation,
    [AllowedValues("member", "casual")] string Rider,
    [Precision(8, 2), Range(0, 1000)] decimal Fare);

/// <summary>The weather in an hour: forecast the day before, observed afterwards.</summary>
public sealed record Weather(
    DateTime Hour,
    [Precision(4, 1), Range(-60, 60)] decimal TemperatureC,
    [Precision(5, 1), Range(0, 500)] decimal PrecipitationMm,
    int WindKph,
    [AllowedValues("observed", "forecast")] string Kind);

/// <summary>A docking station.</summary>
public sealed record Station(
    int StationId,
    string Name,
    string District,
    int Capacity,
    [Precision(9, 6)] decimal Latitude,
    [Precision(9, 6)] decimal Longitude);
