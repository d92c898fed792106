using DataPlatform.Crash.Tests.Job;
using DataPlatform.Pipelines;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder(args);

builder.AddDataPlatform();
builder.AddDuckDb();
builder.AddObjectStore("lake");
builder.AddWarehouse("warehouse");

builder.AddPipeline("big", pipeline =>
{
    pipeline.Ingest("load", From.Csv<Measurement>("lake", "measurements*.csv")).Into("warehouse", "raw.measurements", load => load.Append());
    pipeline.Step<ReportPeakMemory>("peak").After("load");
});

builder.AddPipeline("parquet", pipeline =>
    pipeline.Ingest("load", From.Parquet<Measurement>("lake", "*.parquet")).Into("warehouse", "raw.measurements", load => load.Append()));

builder.AddPipeline("hold", pipeline => pipeline.Step<HoldLoad>("hold"));

builder.AddPipeline("query", pipeline => pipeline.Step<LongQuery>("query"));

builder.AddPipeline("broken-sql", pipeline => pipeline.Sql("broken", "broken.sql").AsTable("warehouse", "marts.broken"));

builder.AddPipeline("leak", pipeline => pipeline.Step<Leak>("leak"));

return await builder.Build().RunJobAsync(args);
