using System.Buffers;

namespace DataPlatform.Ingestion;

/// <summary>Bytes that are written one behind the other, in memory that comes from a pool and goes back to it: what a file needed serves the next.</summary>
internal sealed class RentedBuffer : IBufferWriter<byte>, IDisposable
{
    private const int FirstCapacity = 4096;

    private byte[] _bytes = [];

    public int WrittenCount { get; private set; }

    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, WrittenCount);

    public ReadOnlySpan<byte> WrittenSpan => _bytes.AsSpan(0, WrittenCount);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_bytes.Length - WrittenCount), nameof(count));
        WrittenCount += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _bytes.AsMemory(WrittenCount);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _bytes.AsSpan(WrittenCount);
    }

    /// <summary>Begins anew, with the memory there is.</summary>
    public void Clear() => WrittenCount = 0;

    public void Dispose()
    {
        Return();
        (_bytes, WrittenCount) = ([], 0);
    }

    private void MakeRoom(int sizeHint)
    {
        var needed = checked(WrittenCount + Math.Max(sizeHint, 1));
        if (needed <= _bytes.Length) return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, (int)Math.Clamp(2L * _bytes.Length, FirstCapacity, Array.MaxLength)));
        WrittenSpan.CopyTo(larger);
        Return();
        _bytes = larger;
    }

    private void Return()
    {
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
    }
}
