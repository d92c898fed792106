using DataPlatform.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using ReferencePipeline;
using ReferencePipeline.Inbox;
using ReferencePipeline.Model;
using ReferencePipeline.Report;

var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { Args = args, ContentRootPath = AppContext.BaseDirectory });

builder.AddDataPlatform();                // logs, telemetry, secrets in configuration, ledger, exit codes
builder.AddDuckDb();                      // the embedded warehouse
builder.AddBuiltInDbt();                  // dbt projects without dbt
builder.AddObjectStore("lake");           // ConnectionStrings:lake      = ./data/lake                          | s3://acme-lake/bikes
builder.AddWarehouse("warehouse");        // ConnectionStrings:warehouse = DataSource=./data/warehouse.duckdb   | Host=...;Database=...
builder.AddModelRegistry("models");       // ConnectionStrings:models    = absent: in the lake and the warehouse
builder.Services.Configure<DemoOptions>(builder.Configuration.GetSection("Demo"));

builder.AddPipeline("bike-demand", pipeline =>
{
    pipeline.Step<WriteInbox>("inbox");

    pipeline.Ingest("trips", From.Csv<Trip>("lake", "inbox/trips-*.csv"))
            .Into("warehouse", "raw.trips", load => load.Merge(trip => trip.TripId).Quarantine(maxRejected: 0.02))
            .After("inbox");
    pipeline.Ingest("weather", From.JsonLines<Weather>("lake", "inbox/weather-*.jsonl"))
            .Into("warehouse", "raw.weather", load => load.Merge(weather => weather.Hour).Quarantine(maxRejected: 0.02))
            .After("inbox");
    pipeline.Ingest("stations", From.Parquet<Station>("lake", "inbox/stations.parquet"))
            .Into("warehouse", "raw.stations", load => load.Replace())
            .After("inbox");

    pipeline.Sql("clean-trips", "sql/trips.sql").AsTable("warehouse", "staging.trips").After("trips", "stations");
    pipeline.Dbt("marts", "dbt").After("clean-trips", "weather");
    pipeline.Check("quality", "warehouse", "marts.demand_features", table => table
            .NotNull("station_id", "hour", "temperature_c", "trips_yesterday")
            .Unique("station_id", "hour")
            .Range("temperature_c", min: -40, max: 50)
            .Range("trips", min: 0))
            .After("marts");

    pipeline.Train<DemandTrainer>("train", "demand-model")
            .From("warehouse", "sql/training_rows.sql").Minimize("mae")
            .After("quality");
    pipeline.Score<DemandScorer>("score", "demand-model@champion")
            .From("warehouse", "sql/hours_to_score.sql").Into("marts.demand_forecast", "station_id", "hour")
            .After("train");

    pipeline.Step<WriteReport>("report").After("score");
});

return await builder.Build().RunJobAsync(args);
