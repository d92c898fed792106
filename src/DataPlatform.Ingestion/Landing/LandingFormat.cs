using System.Runtime.CompilerServices;
using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>Manifests of a landing zone, read as the rows of the files that they name.</summary>
internal sealed class LandingFormat : IFileFormat
{
    public async Task<Contract> InferAsync(SourceFile file, SourceContext context, CancellationToken cancellationToken)
    {
        var manifest = await LandingManifest.ReadAsync(file.Store, file.Key, cancellationToken).ConfigureAwait(false);
        if (manifest.Files is not [var first, ..])
            throw file.Invalid("names no file, so that the columns are not known.", "Declare them with a record: From.Landing<Trip>(…).");
        return await new ParquetFormat().InferAsync(new SourceFile(file.Store, new ObjectInfo(first.Path, first.Bytes, first.Sha256, default)), context, cancellationToken).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceFile file, BatchBuilder batch, SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var manifest = await LandingManifest.ReadAsync(file.Store, file.Key, cancellationToken).ConfigureAwait(false);
        LandingZone.CheckOrder(context.Merge, manifest.PartitionBy, $"{file.Store.Name}:{file.Key}");
        context.TotalBytes += manifest.Files.Sum(landed => landed.Bytes);
        foreach (var landed in manifest.Files)
        {
            await foreach (var full in LandedFileReader.ReadAsync(file.Store, file.Key, landed, batch, context, cancellationToken).ConfigureAwait(false)) yield return full;
        }
    }
}
