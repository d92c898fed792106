using DataPlatform.Ingestion;
using DataPlatform.Pipelines;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder(args);

builder.AddDataPlatform();
builder.AddDuckDb();
builder.AddObjectStore("lake");
builder.AddWarehouse("warehouse");

builder.AddPipeline("orders", pipeline => pipeline
    .Ingest("orders", From.Csv<Order>("lake", "inbox/orders-*.csv"))
    .Into("warehouse", "raw.orders", load => load.Merge(order => order.OrderId).Quarantine(maxRejected: 0.25)));

return await builder.Build().RunJobAsync(args);

internal sealed record Order(long OrderId, string Customer, DateOnly OrderedOn, int Quantity, decimal UnitPrice);
