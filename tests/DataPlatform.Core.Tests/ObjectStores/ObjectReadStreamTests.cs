using System.IO.Pipelines;
using DataPlatform.ObjectStores;

namespace DataPlatform.Core.Tests.ObjectStores;

public sealed class ObjectReadStreamTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task A_source_that_stops_sending_fails_the_read()
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync(new byte[3]);
        await using var stream = Open(pipe.Reader.AsStream(), length: 10);
        var buffer = new byte[10];

        (await stream.ReadAsync(buffer)).Should().Be(3);
        var failure = (await stream.Invoking(s => s.ReadAsync(buffer).AsTask()).Should().ThrowAsync<ObjectStoreException>()).Which;

        failure.Message.Should().Be("3 bytes, then No byte came for 0.05 s.");
    }

    [Fact]
    public async Task A_cancelled_read_is_cancelled_and_not_a_failure()
    {
        await using var stream = Open(new Pipe().Reader.AsStream(), length: 10);

        await stream.Invoking(s => s.ReadAsync(new byte[10], new CancellationToken(canceled: true)).AsTask()).Should().ThrowAsync<OperationCanceledException>();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_source_that_ends_too_early_fails_the_read(bool async)
    {
        await using var stream = Open(new MemoryStream(new byte[7]), length: 10);

        var reading = async () => _ = async ? await stream.ReadAtLeastAsync(new byte[10], 10) : stream.ReadAtLeast(new byte[10], 10);

        (await reading.Should().ThrowAsync<ObjectStoreException>()).Which.Message.Should().Be("7 bytes, then its end");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_source_that_has_more_is_read_as_far_as_announced(bool async)
    {
        await using var stream = Open(new MemoryStream([1, 2, 3, 4]), length: 3);
        using var read = new MemoryStream();

        if (async) await stream.CopyToAsync(read);
        else stream.CopyTo(read);

        read.ToArray().Should().Equal(1, 2, 3);
    }

    private static ObjectReadStream Open(Stream source, long length) => new(
        source,
        length,
        (cause, read) => new ObjectStoreException(FailureClass.Unavailable, $"{read} bytes, then {cause?.Message ?? "its end"}"),
        Patience);
}
