using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using DataPlatform.MLOps;
using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ReferencePipeline.Report;

/// <summary>Draws the run's report into the lake.</summary>
internal sealed partial class WriteReport(
    [FromKeyedServices("lake")] IObjectStore lake, [FromKeyedServices("warehouse")] IWarehouse warehouse, [FromKeyedServices("models")] IModelRegistry models) : IStep
{
    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var page = ReportPage.Render(await ReadAsync(context, cancellationToken));
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(page));
        var key = $"reports/{context.Run.Pipeline}-{context.Run.LogicalDate:yyyy-MM-dd}.html";
        await lake.PutAsync(key, content, new ObjectPutOptions { ContentType = "text/html; charset=utf-8" }, cancellationToken);
        context.Logger.LogInformation("Report: {Report}", $"{lake.Location}/{key}");
    }

    private async Task<ReportData> ReadAsync(StepContext context, CancellationToken cancellationToken)
    {
        var ledger = context.GetLedger(warehouse);
        var day = context.Run.LogicalDate;
        await using var transaction = await warehouse.BeginAsync(cancellationToken);
        async Task<List<T>> Query<T>(string sql, Func<object?[], T> read, params object?[] parameters) =>
            [.. (await transaction.QueryAsync(sql, parameters, cancellationToken)).Select(read)];

        var demand = await Query(
            """
            select feature.hour, sum(feature.trips), sum(forecast.predicted_trips)
            from marts.demand_features as feature
            join marts.demand_forecast as forecast on forecast.station_id = feature.station_id and forecast.hour = feature.hour
            where feature.hour >= $1
            group by feature.hour order by feature.hour
            """,
            row => new HourOfDemand((DateTime)row[0]!, row[1] is null ? null : ToInt64(row[1]), row[2] is null ? null : ToDecimal(row[2])),
            day.AddDays(-6).ToDateTime(TimeOnly.MinValue));
        var tomorrow = await Query(
            """
            select station.name, forecast.predicted_trips
            from marts.demand_forecast as forecast join raw.stations as station on station.station_id = forecast.station_id
            where cast(forecast.hour as date) = cast($1 as date)
            order by station.station_id, forecast.hour
            """,
            row => (Station: (string)row[0]!, Trips: ToDecimal(row[1])),
            day.AddDays(1));
        var rejections = await Query(
            "select step, column_name, reason, count(*) from dataplatform.quarantine where pipeline = $1 group by step, column_name, reason",
            row => new Rejection((string)row[0]!, $"{row[1]} {Generalize((string)row[2]!)}".Trim(), ToInt64(row[3])),
            context.Run.Pipeline);
        var trips = await Query("select count(*) from staging.trips", row => ToInt64(row[0]));

        return new ReportData(
            context.Run, lake.Location, warehouse.Location,
            await ledger.ListStepsAsync(context.Run.RunId, cancellationToken),
            [.. (await ledger.ListLoadsAsync(context.Run.Pipeline, limit: 100, cancellationToken: cancellationToken)).Where(load => load.Table.Schema == "raw").Take(10)],
            [.. rejections.GroupBy(r => (r.Step, r.Reason)).Select(g => new Rejection(g.Key.Step, g.Key.Reason, g.Sum(r => r.Rows))).OrderByDescending(r => r.Rows)],
            demand,
            [.. tomorrow.GroupBy(row => row.Station).Select(g => new StationForecast(g.Key, [.. g.Select(row => row.Trips)]))],
            await models.ListVersionsAsync("demand-model", cancellationToken),
            trips.Single());
    }

    /// <summary>Leaves the value out of a reason, so that the same mistake is counted together.</summary>
    private static string Generalize(string reason) => QuotedValue().Replace(reason, "…");

    [GeneratedRegex("'[^']*'")]
    private static partial Regex QuotedValue();

    private static long ToInt64(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private static decimal ToDecimal(object? value) => Convert.ToDecimal(value, CultureInfo.InvariantCulture);
}
