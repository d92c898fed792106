using DataPlatform.Crash.Tests.Job;
using DataPlatform.Ingestion;
using DataPlatform.Pipelines;
using DataPlatform.Transform;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder(args);

builder.AddDataPlatform();
builder.AddDuckDb();
builder.AddBuiltInDbt();
builder.AddObjectStore("lake");
builder.AddWarehouse("warehouse");

builder.AddPipeline("big", pipeline =>
{
    pipeline.Ingest("load", From.Csv<Measurement>("lake", "measurements*.csv")).Into("warehouse", "raw.measurements", load => load.Append());
    pipeline.Step<ReportPeakMemory>("peak").After("load");
});

// The same events by each way of writing them, in parts of 1 MiB where that can be.
void AddEvents(string disposition, Action<LoadBuilder<Event>> load) => builder.AddPipeline($"events-{disposition}", pipeline =>
    pipeline.Ingest("load", From.Csv<Event>("lake", "events-*.csv")).Into("warehouse", "raw.events", (LoadBuilder<Event> into) => load(into.Quarantine(0.01))));
builder.AddPipeline("events-loosened", pipeline =>
{
    if (builder.Configuration["EVENTS_CONTRACT"] == "any") pipeline.Ingest("load", From.Csv<AnyEvent>("lake", "events-*.csv")).Into("warehouse", "raw.events");
    else pipeline.Ingest("load", From.Csv<Event>("lake", "events-*.csv")).Into("warehouse", "raw.events", load => load.Quarantine(0.01));
});
AddEvents("append", load => load.Append().Checkpoint(mebibytes: 1));
AddEvents("landed", load => load.Append().Checkpoint(mebibytes: 1).LandIn("lake", "landing/events"));
AddEvents("merge", load => load.Merge(e => e.Device).Checkpoint(mebibytes: 1));
AddEvents("replace", load => load.Replace());
AddEvents("scd2", load => load.Scd2(e => e.Device).Checkpoint(mebibytes: 1));

builder.AddPipeline("parquet", pipeline =>
    pipeline.Ingest("load", From.Parquet<Measurement>("lake", "*.parquet")).Into("warehouse", "raw.measurements", load => load.Append()));

builder.AddPipeline("hold", pipeline => pipeline.Step<HoldLoad>("hold"));

builder.AddPipeline("query", pipeline => pipeline.Step<LongQuery>("query"));

builder.AddPipeline("broken-sql", pipeline => pipeline.Sql("broken", "broken.sql").AsTable("warehouse", "marts.broken"));

builder.AddPipeline("leak", pipeline => pipeline.Step<Leak>("leak"));

builder.AddPipeline("dbt", pipeline =>
{
    pipeline.Dbt("marts", builder.Configuration["DBT_PROJECT"] ?? "dbt");
    pipeline.Dbt("retry", builder.Configuration["DBT_PROJECT"] ?? "dbt", dbt => dbt.Command = DbtCommand.Retry).After("marts");
});
builder.AddPipeline("dbt-timeout", pipeline => pipeline.Dbt("marts", builder.Configuration["DBT_PROJECT"] ?? "dbt").WithTimeout(TimeSpan.FromSeconds(4)));

return await builder.Build().RunJobAsync(args);
