using DataPlatform.Aot.Job;
using DataPlatform.Ingestion;
using DataPlatform.Pipelines;
using Microsoft.Extensions.Hosting;

// All that reflection has a part in: records with every type of column, in both directions, every source, options from configuration, and what the commands print.
var builder = Host.CreateApplicationBuilder(args);
builder.AddDataPlatform();
builder.AddDuckDb();
builder.AddParquetSharp();
builder.AddObjectStore("lake");
builder.AddWarehouse("warehouse");
builder.AddHttpApi("shop");

builder.AddPipeline("types", pipeline =>
{
    pipeline.Ingest("made", From.Rows<EveryType>("made", (_, _) => EveryType.Rows.ToAsyncEnumerable())).Into("warehouse", "raw.made", load => load.Merge(row => row.Id));
    pipeline.Step("compared", (step, token) => EveryType.CompareAsync(step, "raw.made", token)).After("made");
    pipeline.Ingest("landed", From.Sql<EveryType>("warehouse", "raw.made")).IntoLake("lake", "landing/made").After("compared");
    pipeline.Ingest("back", From.Landing<EveryType>("lake", "landing/made")).Into("warehouse", "raw.back").After("landed");
    pipeline.Step("compared-again", (step, token) => EveryType.CompareAsync(step, "raw.back", token)).After("back");
});

builder.AddPipeline("sources", pipeline =>
{
    pipeline.Ingest("trips", From.Csv<Trip>("lake", "inbox/trips-*.csv")).Into("warehouse", "raw.trips", load => load.Merge(trip => trip.TripId).Quarantine(maxRejected: 0.5));
    pipeline.Ingest("cities", From.JsonLines("lake", "inbox/cities-*.jsonl")).Into("warehouse", "raw.cities");
    pipeline.Ingest("orders", From.Http<Order>("shop", "orders", http => http.Records("$.items").Paginate(Pages.NextLink("$.next"))).Incremental(order => order.Id))
        .Into("warehouse", "raw.orders");
});

if (Environment.GetEnvironmentVariable("LISTS_OF_ENUMS") is not null)
    builder.AddPipeline("enums", pipeline => pipeline.Ingest("enums", From.Csv<WithListOfEnums>("lake", "inbox/*.csv")).Into("warehouse", "raw.enums"));

return await builder.Build().RunJobAsync(args);

internal sealed record Trip(long TripId, [property: System.ComponentModel.DataAnnotations.Range(0, 100)] double Kilometers, Vehicle Vehicle, DateOnly? Day);

internal sealed record Order(long Id, [property: System.ComponentModel.DataAnnotations.Schema.Column("buyer.name")] string? Buyer, decimal Total);

internal sealed record WithListOfEnums(long Id, List<Vehicle> Vehicles);
