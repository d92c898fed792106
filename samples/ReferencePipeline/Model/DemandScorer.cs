using DataPlatform.MLOps;
using DataPlatform.Warehouses;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace ReferencePipeline.Model;

/// <summary>A forecast: trips expected to begin at a station in an hour.</summary>
public sealed record DemandForecast(int StationId, DateTime Hour, [Precision(8, 2)] decimal PredictedTrips);

/// <summary>Applies the model to hours.</summary>
internal sealed class DemandScorer : ModelScorer<DemandFeatures, DemandForecast>
{
    private readonly MLContext _ml = new(seed: 1);
    private ITransformer? _model;

    public override Task LoadAsync(Stream artifact, ModelVersion version, CancellationToken cancellationToken)
    {
        _model = _ml.Model.Load(artifact, out _);
        return Task.CompletedTask;
    }

    protected override IEnumerable<DemandForecast> Score(IReadOnlyList<DemandFeatures> rows) =>
        rows.Zip(Predict(_ml, _model!, rows), (row, trips) => new DemandForecast(row.StationId, row.Hour, Math.Round((decimal)trips, 2)));

    /// <summary>The demand that a model expects, never less than none.</summary>
    internal static double[] Predict(MLContext ml, ITransformer model, IEnumerable<DemandFeatures> rows) =>
    [
        .. model.Transform(ml.Data.LoadFromEnumerable(rows.Select(row => new DemandVector(row))))
            .GetColumn<float>("Score")
            .Select(score => Math.Max(0.0, score)),
    ];
}
