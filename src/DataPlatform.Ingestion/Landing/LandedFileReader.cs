using System.Buffers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>Reads files of a landing zone, after their bytes were found to be those that were landed.</summary>
internal static class LandedFileReader
{
    private const int CopyBytes = 1 << 20;

    /// <summary>Reads a file's rows into <paramref name="batch"/>, and yields it whenever it is full. Rows that remain in it at the end are the caller's.</summary>
    /// <exception cref="DataPlatformException">The file is gone, or is not the one that was landed.</exception>
    public static async IAsyncEnumerable<SourceBatch> ReadAsync(
        IObjectStore store, string manifestKey, LandedFile landed, BatchBuilder batch, SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // The hash is known at the end of the file and rows are wanted only then.
        var copy = ScratchFile.Open("landed");
        await using (copy.ConfigureAwait(false))
        {
            var sha256 = await CopyAsync(store, landed.Path, copy, cancellationToken).ConfigureAwait(false);
            if (!string.Equals(sha256, landed.Sha256, StringComparison.OrdinalIgnoreCase))
            {
                throw new DataPlatformException(
                    FailureClass.Data,
                    $"{store.Name}:{landed.Path} is not what was landed: its SHA-256 is {sha256}, and {manifestKey} says {landed.Sha256}. Nothing of it was loaded.",
                    "Somebody has changed the file. Put back the one that was landed, or land the data again.");
            }

            var file = new SourceFile(store, new ObjectInfo(landed.Path, landed.Bytes, sha256, default)) { Copy = copy };
            await foreach (var full in new ParquetFormat().ReadAsync(file, batch, context, cancellationToken).ConfigureAwait(false)) yield return full;
            batch.AddBytesRead(landed.Bytes);
        }
    }

    /// <summary>The SHA-256 of an object's bytes, in hexadecimal, which are copied on the way.</summary>
    public static async Task<string> CopyAsync(IObjectStore store, string key, Stream destination, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            var content = await store.OpenReadAsync(key, range: null, cancellationToken).ConfigureAwait(false);
            await using (content.ConfigureAwait(false))
            {
                while (await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var read)
                {
                    hash.AppendData(buffer, 0, read);
                    await destination.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        destination.Flush();
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
