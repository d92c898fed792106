using System.IO.Compression;
using System.Text;
using DataPlatform.Ledger;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.Testing;
using ZstdSharp;

namespace DataPlatform.Ingestion.Tests;

/// <summary>A folder of files to read, as the object store "lake".</summary>
internal sealed class Inbox : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public Inbox() => Store = new FolderObjectStore("lake", _folder.Path);

    public FolderObjectStore Store { get; }

    public string PathOf(string key) => _folder.Combine(key);

    public Inbox With(string key, string text) => With(key, Encoding.UTF8.GetBytes(text));

    public Inbox With(string key, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(key))!);
        File.WriteAllBytes(PathOf(key), content);
        return this;
    }

    public static byte[] Gzip(string text)
    {
        using var result = new MemoryStream();
        using (var gzip = new GZipStream(result, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return result.ToArray();
    }

    public static byte[] Zstandard(string text)
    {
        using var compressor = new Compressor();
        return compressor.Wrap(Encoding.UTF8.GetBytes(text)).ToArray();
    }

    public void Dispose() => _folder.Dispose();
}

/// <summary>All that a source gave.</summary>
internal sealed record ReadResult(List<object?[]> Rows, List<RejectedRow> Rejected, List<SourceObject> Completed, int Batches)
{
    /// <summary>Reads a source to its end, inferring the contract when it has none.</summary>
    public static async Task<ReadResult> OfAsync(ISource source, SourceContext? context = null, Contract? contract = null)
    {
        context ??= new SourceContext();
        contract ??= source.Contract ?? await source.InferContractAsync(context, TestContext.Current.CancellationToken);
        var result = new ReadResult([], [], [], 0);
        if (contract is null) return result;
        await foreach (var batch in source.ReadAsync(context.With(contract), TestContext.Current.CancellationToken))
        {
            using (batch)
            {
                if (batch.Rows is not null) result.Rows.AddRange(batch.Rows.ToRows());
                result.Rejected.AddRange(batch.Rejected);
                result.Completed.AddRange(batch.CompletedObjects);
                result = result with { Batches = result.Batches + 1 };
            }
        }

        return result;
    }

    /// <summary>What reading a source fails with.</summary>
    public static async Task<DataPlatformException> FailureOfAsync(ISource source) =>
        (await FluentActions.Awaiting(() => OfAsync(source)).Should().ThrowAsync<DataPlatformException>()).Which;
}
