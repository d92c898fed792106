using DataPlatform;
using DataPlatform.MLOps;
using Microsoft.ML;
using Microsoft.ML.Trainers.FastTree;

namespace ReferencePipeline.Model;

/// <summary>Learns the demand from all but the last days, and is judged by those. One thread and a seed: the same rows give the same model.</summary>
internal sealed class DemandTrainer : IModelTrainer
{
    private const int Trees = 80, Leaves = 20;

    public async Task<TrainedModel> TrainAsync(TrainingContext context, CancellationToken cancellationToken)
    {
        var rows = await context.ReadAsync<DemandFeatures>(cancellationToken).ToListAsync(cancellationToken);
        var (known, heldOut) = Split(rows);
        var ml = new MLContext(seed: 1);
        var data = ml.Data.LoadFromEnumerable(known.Select(row => new DemandVector(row)));
        var model = ml.Regression.Trainers
            .FastTree(new FastTreeRegressionTrainer.Options { NumberOfTrees = Trees, NumberOfLeaves = Leaves, LearningRate = 0.12, NumberOfThreads = 1, Seed = 1 })
            .Fit(data);

        var predicted = DemandScorer.Predict(ml, model, heldOut);
        var actual = heldOut.Select(row => (double)row.Trips!.Value).ToArray();
        return new TrainedModel(artifact => ml.Model.Save(model, data.Schema, artifact))
        {
            Description = $"Trips an hour and station, trained on {known.Count:N0} hours and held against {heldOut.Count:N0} later ones.",
            Metrics =
            {
                ["mae"] = MeanAbsoluteError(actual, predicted),
                ["mae_last_week"] = MeanAbsoluteError(actual, [.. heldOut.Select(row => (double)row.TripsLastWeek)]),
                ["r2"] = RSquared(actual, predicted),
            },
            Params = { ["trainer"] = "FastTree", ["trees"] = $"{Trees}", ["leaves"] = $"{Leaves}" },
        };
    }

    /// <summary>Holds out the last quarter of the days, at most a week.</summary>
    private static (List<DemandFeatures> Known, List<DemandFeatures> HeldOut) Split(List<DemandFeatures> rows)
    {
        var days = rows.Select(row => DateOnly.FromDateTime(row.Hour)).Distinct().Count();
        if (days < 2)
        {
            throw new DataPlatformException(
                FailureClass.Data, $"There are {days} days to learn from; at least 2 are needed.", "Set Demo:FirstDay to an earlier day, or run for a later one with --date.");
        }

        var heldOutFrom = rows.Max(row => row.Hour).Date.AddDays(1 - Math.Clamp(days / 4, 1, 7));
        return (rows.FindAll(row => row.Hour < heldOutFrom), rows.FindAll(row => row.Hour >= heldOutFrom));
    }

    private static double MeanAbsoluteError(double[] actual, double[] predicted) =>
        actual.Zip(predicted, (a, p) => Math.Abs(a - p)).Average();

    private static double RSquared(double[] actual, double[] predicted)
    {
        var mean = actual.Average();
        return 1 - actual.Zip(predicted, (a, p) => (a - p) * (a - p)).Sum() / Math.Max(1e-9, actual.Sum(a => (a - mean) * (a - mean)));
    }
}
