using System.Text;
using CsCheck;
using DataPlatform.ObjectStores;

namespace DataPlatform.Integration.Tests.ObjectStores;

/// <summary>What every object store does. Each kind of store runs all of it.</summary>
public abstract class ObjectStoreConformance : IAsyncLifetime
{
    /// <summary>The part size the stores of the tests are opened with; sizes around it matter where content is stored in parts.</summary>
    protected const int PartSize = 5 << 20;

    public static TheoryData<int, bool> SizesAndSeekability => new(
        from size in new[] { 0, 1, 4_096, PartSize - 1, PartSize, PartSize + 1, 2 * PartSize, (3 * PartSize) + 7 }
        from seekable in new[] { true, false }
        select (size, seekable));

    public static TheoryData<string> OddKeys =>
    [
        "with space.csv", " leading and trailing ", "plus+plus", "100%", "%2F%20", "a#b", "a?b", "a&b=c;d", "quote'\"", "ümläut/日本語.txt", "emoji-😀.bin",
        "star*and{brace}", "[brackets]", "~tilde$dollar@at!", "a:b", "a,b", "<tag>", "..two-dots", "dot.", ".hidden/x", "inbox/date=2026-01-01/part-0.parquet", "|pipe^",
    ];

    public static TheoryData<string> NotKeys =>
        ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", @"a\b", "a\nb", "a\0b", "half\ud800", ".dataplatform", ".dataplatform/incoming/x", new string('x', 1025)];

    protected IObjectStore Store { get; private set; } = null!;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => Store = await OpenAsync();

    public abstract ValueTask DisposeAsync();

    [Theory]
    [MemberData(nameof(SizesAndSeekability))]
    public async Task Reads_back_what_was_put(int size, bool seekable)
    {
        var content = Bytes(size, seed: size);

        var put = await Store.PutAsync("folder/object.bin", seekable ? new MemoryStream(content) : new Trickle(content), cancellationToken: Cancellation);

        (await ReadAsync("folder/object.bin")).AsSpan().SequenceEqual(content).Should().BeTrue();
        put.Key.Should().Be("folder/object.bin");
        put.Size.Should().Be(size);
        put.LastModified.Should().BeCloseTo(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        var found = await Store.FindAsync("folder/object.bin", Cancellation);
        found.Should().BeEquivalentTo(put, options => options.Excluding(info => info.LastModified));
        (await ListAsync("**")).Should().Equal(found!);
        await NothingIsLeftBehindAsync();
    }

    [Fact]
    public async Task Puts_what_is_left_of_a_stream_that_was_read_before()
    {
        var content = new MemoryStream("abcdef"u8.ToArray()) { Position = 2 };

        (await Store.PutAsync("object", content, cancellationToken: Cancellation)).Size.Should().Be(4);

        (await ReadTextAsync("object")).Should().Be("cdef");
    }

    [Fact]
    public async Task A_put_replaces_the_object_and_its_etag()
    {
        var etags = new List<string>();
        for (var i = 0; i < 20; i++) etags.Add((await PutTextAsync("object", $"text {i:00}")).ETag);

        (await ReadTextAsync("object")).Should().Be("text 19");
        etags.Should().OnlyHaveUniqueItems();
        (await Store.FindAsync("object", Cancellation))!.ETag.Should().Be(etags[^1]);
    }

    [Theory]
    [InlineData(0L, null)]
    [InlineData(0L, 1L)]
    [InlineData(10L, 20L)]
    [InlineData(999L, 1L)]
    [InlineData(999L, 100L)]
    [InlineData(500L, null)]
    [InlineData(500L, long.MaxValue)]
    [InlineData(1_000L, 1L)]
    [InlineData(5_000L, null)]
    [InlineData(500L, 0L)]
    public async Task Reads_a_range(long offset, long? length)
    {
        var content = Bytes(1_000, seed: 1);
        await Store.PutAsync("object", new MemoryStream(content), cancellationToken: Cancellation);

        var expected = content.Skip((int)offset).Take((int)Math.Min(length ?? 1_000, 1_000));

        (await ReadAsync("object", new ByteRange(offset, length))).Should().Equal(expected);
    }

    [Fact]
    public async Task Reads_a_range_across_parts()
    {
        var content = Bytes((2 * PartSize) + 100, seed: 2);
        await Store.PutAsync("object", new MemoryStream(content), cancellationToken: Cancellation);

        var range = await ReadAsync("object", new ByteRange(PartSize - 1_000, PartSize + 1_050));

        range.AsSpan().SequenceEqual(content.AsSpan(PartSize - 1_000, PartSize + 1_050)).Should().BeTrue();
    }

    [Fact]
    public async Task A_reader_may_stop_early()
    {
        var content = Bytes(2 * PartSize, seed: 3);
        await Store.PutAsync("object", new MemoryStream(content), cancellationToken: Cancellation);
        var start = new byte[100];

        for (var i = 0; i < 10; i++)
        {
            await using var stream = await Store.OpenReadAsync("object", cancellationToken: Cancellation);
            await stream.ReadExactlyAsync(start, Cancellation);
        }

        using (var stream = await Store.OpenReadAsync("object", cancellationToken: Cancellation)) stream.ReadExactly(start);
        start.Should().Equal(content[..100]);
    }

    [Fact]
    public async Task Reads_without_waiting_on_a_task_too()
    {
        var content = Bytes(PartSize, seed: 4);
        await Store.PutAsync("object", new MemoryStream(content), cancellationToken: Cancellation);

        using var stream = await Store.OpenReadAsync("object", cancellationToken: Cancellation);
        using var read = new MemoryStream();
        stream.CopyTo(read);

        read.ToArray().AsSpan().SequenceEqual(content).Should().BeTrue();
        stream.Read(new byte[1]).Should().Be(0);
    }

    [Fact]
    public async Task Reads_a_range_of_nothing()
    {
        await PutTextAsync("empty", "");

        (await ReadAsync("empty", new ByteRange(0))).Should().BeEmpty();
        (await ReadAsync("empty", new ByteRange(3, 4))).Should().BeEmpty();
        await Store.Invoking(store => store.OpenReadAsync("none", new ByteRange(0, 0), Cancellation)).Should().ThrowAsync<ObjectNotFoundException>();
        await Store.Invoking(store => store.OpenReadAsync("empty", new ByteRange(-1), Cancellation)).Should().ThrowAsync<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task A_missing_object_is_not_found()
    {
        (await Store.FindAsync("inbox/none.csv", Cancellation)).Should().BeNull();
        (await Store.FindAsync("inbox/none.csv", Cancellation)).Should().BeNull();
        (await ListAsync("inbox/*")).Should().BeEmpty();
        var failure = (await Store.Invoking(store => store.OpenReadAsync("inbox/none.csv", cancellationToken: Cancellation))
            .Should().ThrowAsync<ObjectNotFoundException>()).Which;
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("'lake'").And.Contain("inbox/none.csv").And.Contain(Store.Location);
    }

    [Fact]
    public async Task A_folder_is_not_an_object()
    {
        await PutTextAsync("inbox/a.csv", "a");

        (await Store.FindAsync("inbox", Cancellation)).Should().BeNull();
        await Store.Invoking(store => store.OpenReadAsync("inbox", cancellationToken: Cancellation)).Should().ThrowAsync<ObjectNotFoundException>();
        await Store.DeleteAsync("inbox", Cancellation);
        (await Store.FindAsync("inbox/a.csv/b", Cancellation)).Should().BeNull();
        (await ReadTextAsync("inbox/a.csv")).Should().Be("a");
    }

    [Fact]
    public async Task Deletes_an_object_once_and_nothing_more_the_second_time()
    {
        await PutTextAsync("a/b", "1");
        await PutTextAsync("a/c", "2");

        await Store.DeleteAsync("a/b", Cancellation);
        await Store.DeleteAsync("a/b", Cancellation);
        await Store.DeleteAsync("never/was/there", Cancellation);

        (await ListAsync("**")).Select(info => info.Key).Should().Equal("a/c");
    }

    [Theory]
    [MemberData(nameof(OddKeys))]
    public async Task Takes_odd_keys(string key)
    {
        var put = await PutTextAsync(key, key);

        (await ReadTextAsync(key)).Should().Be(key);
        (await Store.FindAsync(key, Cancellation))!.ETag.Should().Be(put.ETag);
        (await ListAsync("**")).Select(info => info.Key).Should().Equal(key);
        var escaped = string.Concat(key.Select(c => "*?{},".Contains(c, StringComparison.Ordinal) ? $"\\{c}" : c.ToString()));
        (await ListAsync(escaped)).Select(info => info.Key).Should().Equal(key);
        await Store.DeleteAsync(key, Cancellation);
        (await ListAsync("**")).Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(NotKeys))]
    public async Task Refuses_what_is_not_a_key(string key)
    {
        Func<Task>[] calls =
        [
            () => Store.FindAsync(key, Cancellation), () => Store.OpenReadAsync(key, cancellationToken: Cancellation),
            () => Store.PutAsync(key, Stream.Null, cancellationToken: Cancellation), () => Store.DeleteAsync(key, Cancellation),
        ];
        foreach (var call in calls)
            (await call.Should().ThrowAsync<ObjectStoreException>()).Which.FailureClass.Should().Be(FailureClass.Configuration);
    }

    [Fact]
    public async Task Lists_in_the_order_of_the_keys_utf8_bytes()
    {
        string[] keys = ["a-b", "a.csv", "a/b", "a/b.c/d", "a/b/c0", "a0", "B", "z", "ä", "\uE000", "\uFFFD", "😀", "😁/x"];
        foreach (var key in keys.Reverse()) await PutTextAsync(key == "a/b" ? "a/b!" : key, key);

        var listed = (await ListAsync("**")).Select(info => info.Key).ToArray();

        listed.Should().HaveCount(keys.Length);
        listed.Should().Equal(listed.OrderBy(key => Convert.ToHexString(Encoding.UTF8.GetBytes(key)), StringComparer.Ordinal));
    }

    [Fact]
    public async Task Lists_what_a_pattern_matches()
    {
        string[] keys =
        [
            .. from folder in new[] { "", "a/", "b/", "a/b/", "a/a/", "ab/", "a/b/a/" }
            from file in new[] { "a.csv", "b.csv", "ab.json", "b" + folder.Length }
            select folder + file,
        ];
        await Parallel.ForEachAsync(keys, Cancellation, async (key, _) => await PutTextAsync(key, key));
        var glob = Gen.OneOf("a", "b", "/", "a/", "b/", "*", "?", "**", "**/", "{a,b}", "{a/b,b}", ".csv", "*.csv").Array[1, 5].Select(string.Concat)
            .Where(text => text[0] != '/' && !text.Contains("//", StringComparison.Ordinal));

        await glob.SampleAsync(
            async text =>
            {
                var pattern = ObjectGlob.Parse(text);
                (await ListAsync(text)).Select(info => info.Key).Should().Equal(keys.Where(pattern.IsMatch).Order(StringComparer.Ordinal), "{0} matches them", text);
            },
            iter: 200,
            threads: 1);
    }

    [Fact]
    public async Task Lists_more_than_a_page()
    {
        string[] keys = [.. Enumerable.Range(0, 1_100).Select(i => $"many/{i:0000}/object.txt")];
        await Parallel.ForEachAsync(
            keys, new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = Cancellation }, async (key, _) => await PutTextAsync(key, key));

        (await ListAsync("many/*/*.txt")).Select(info => info.Key).Should().Equal(keys);
        (await ListAsync("many/10[5]*/**")).Should().BeEmpty();
        (await ListAsync("many/105*/**")).Select(info => info.Key).Should().Equal(keys[1_050..1_060]);
        (await ReadTextAsync(keys[777])).Should().Be(keys[777]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/../*")]
    [InlineData("../*")]
    [InlineData("{a")]
    [InlineData("a}")]
    [InlineData(@"a\")]
    public void Refuses_what_is_not_a_pattern(string glob) =>
        Store.Invoking(store => store.ListAsync(glob, Cancellation)).Should().Throw<Exception>()
            .Which.Should().Match(e => e is ArgumentException || ((ObjectStoreException)e).FailureClass == FailureClass.Configuration);

    [Theory]
    [InlineData(100)]
    [InlineData(PartSize + 100)]
    public async Task Of_many_that_create_an_object_one_wins(int size)
    {
        using var start = new SemaphoreSlim(0);
        var writers = Enumerable.Range(0, 16).Select(async writer =>
        {
            await start.WaitAsync(Cancellation);
            try
            {
                var put = await Store.PutAsync("object", new MemoryStream(Enumerable.Repeat((byte)writer, size).ToArray()), new ObjectPutOptions { IfAbsent = true }, Cancellation);
                return (Writer: writer, put.ETag, Failure: (ObjectPreconditionException?)null);
            }
            catch (ObjectPreconditionException e)
            {
                return (Writer: writer, ETag: "", Failure: (ObjectPreconditionException?)e);
            }
        }).ToArray();
        start.Release(16);

        var results = await Task.WhenAll(writers);

        var winner = results.Should().ContainSingle(result => result.Failure == null).Which;
        (await ReadAsync("object")).Should().HaveCount(size).And.OnlyContain(b => b == winner.Writer);
        (await Store.FindAsync("object", Cancellation))!.ETag.Should().Be(winner.ETag);
        results.Where(result => result.Failure is not null).Should().OnlyContain(result => result.Failure!.FailureClass == FailureClass.Transient);
        results.First(result => result.Failure is not null).Failure!.Message.Should().Contain("'lake'").And.Contain("object").And.Contain("already");
        await NothingIsLeftBehindAsync();
    }

    [Fact]
    public async Task Can_create_an_object_that_was_deleted()
    {
        await PutTextAsync("object", "1");
        await Store.DeleteAsync("object", Cancellation);

        await Store.PutAsync("object", new MemoryStream("2"u8.ToArray()), new ObjectPutOptions { IfAbsent = true }, Cancellation);

        (await ReadTextAsync("object")).Should().Be("2");
    }

    [Fact]
    public async Task Writers_that_compare_and_swap_lose_no_update()
    {
        const int Writers = 8, Rounds = 20;
        await PutTextAsync("counter", "0");

        await Parallel.ForEachAsync(Enumerable.Range(0, Writers), new ParallelOptions { MaxDegreeOfParallelism = Writers, CancellationToken = Cancellation }, async (_, _) =>
        {
            for (var round = 0; round < Rounds;)
            {
                var found = (await Store.FindAsync("counter", Cancellation))!;
                var count = int.Parse(await ReadTextAsync("counter"), null);
                if (await TrySwapAsync(count + 1, found.ETag)) round++;
            }
        });

        (await ReadTextAsync("counter")).Should().Be($"{Writers * Rounds}");
        await NothingIsLeftBehindAsync();

        async Task<bool> TrySwapAsync(int count, string etag)
        {
            try
            {
                await Store.PutAsync("counter", new MemoryStream(Encoding.UTF8.GetBytes($"{count}")), new ObjectPutOptions { IfMatch = etag }, Cancellation);
                return true;
            }
            catch (ObjectPreconditionException)
            {
                return false;
            }
        }
    }

    [Theory]
    [InlineData(100)]
    [InlineData(PartSize + 100)]
    public async Task Replaces_the_version_it_was_told_and_no_other(int size)
    {
        var first = await PutTextAsync("object", "first");
        var second = await PutTextAsync("object", "second");
        Task<ObjectInfo> PutIfAsync(string key, string etag) =>
            Store.PutAsync(key, new MemoryStream(Bytes(size, seed: 3)), new ObjectPutOptions { IfMatch = etag }, Cancellation);

        var failure = await Store.Invoking(_ => PutIfAsync("object", first.ETag)).Should().ThrowAsync<ObjectPreconditionException>();
        failure.Which.Message.Should().Contain("object").And.Contain(first.ETag);
        (await ReadTextAsync("object")).Should().Be("second");
        await Store.Invoking(_ => PutIfAsync("none", second.ETag)).Should().ThrowAsync<ObjectPreconditionException>();
        (await Store.FindAsync("none", Cancellation)).Should().BeNull();

        await PutIfAsync("object", second.ETag);
        (await ReadAsync("object")).Should().HaveCount(size);
        await NothingIsLeftBehindAsync();
    }

    [Fact]
    public async Task Refuses_two_conditions_at_once() => await Store
        .Invoking(store => store.PutAsync("object", Stream.Null, new ObjectPutOptions { IfAbsent = true, IfMatch = "x" }, Cancellation))
        .Should().ThrowAsync<ArgumentException>();

    [Theory]
    [InlineData(0)]
    [InlineData(1_000)]
    [InlineData(PartSize + 1_000)]
    [InlineData((6 * PartSize) + 1_000)]
    public async Task A_put_whose_content_fails_changes_nothing(int failsAfter)
    {
        var old = await PutTextAsync("object", "old");
        var boom = new InvalidDataException("The source broke.");

        foreach (var key in new[] { "object", "new" })
        {
            var thrown = await Store.Invoking(store => store.PutAsync(key, new Trickle(Bytes(failsAfter, seed: 4), atEnd: () => throw boom), cancellationToken: Cancellation))
                .Should().ThrowAsync<InvalidDataException>();
            thrown.Which.Should().BeSameAs(boom);
        }

        (await ReadTextAsync("object")).Should().Be("old");
        (await ListAsync("**")).Select(info => (info.Key, info.ETag)).Should().Equal(("object", old.ETag));
        await NothingIsLeftBehindAsync();
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(PartSize + 1_000)]
    [InlineData((6 * PartSize) + 1_000)]
    public async Task A_cancelled_put_changes_nothing(int cancelledAfter)
    {
        await PutTextAsync("object", "old");
        using var cancel = new CancellationTokenSource();

        await Store.Invoking(store => store.PutAsync("object", new Trickle(Bytes(cancelledAfter, seed: 5), atEnd: cancel.Cancel), cancellationToken: cancel.Token))
            .Should().ThrowAsync<OperationCanceledException>();

        (await ReadTextAsync("object")).Should().Be("old");
        await NothingIsLeftBehindAsync();
    }

    [Fact]
    public async Task Does_nothing_when_cancelled_before()
    {
        await PutTextAsync("object", "old");
        var cancelled = new CancellationToken(canceled: true);

        Func<Task>[] calls =
        [
            () => Store.FindAsync("object", cancelled), () => Store.OpenReadAsync("object", cancellationToken: cancelled),
            () => Store.PutAsync("object", new MemoryStream([1]), cancellationToken: cancelled), () => Store.DeleteAsync("object", cancelled),
            async () => await Store.ListAsync("**", cancelled).ToListAsync(Cancellation), () => Store.CheckAsync(cancelled),
        ];
        foreach (var call in calls) await call.Should().ThrowAsync<OperationCanceledException>();

        (await ReadTextAsync("object")).Should().Be("old");
    }

    [Fact]
    public async Task A_listing_stops_when_cancelled()
    {
        foreach (var key in new[] { "a", "b/c", "d" }) await PutTextAsync(key, key);
        using var cancel = new CancellationTokenSource();
        var seen = new List<string>();

        var listing = async () =>
        {
            await foreach (var info in Store.ListAsync("**", Cancellation).WithCancellation(cancel.Token))
            {
                seen.Add(info.Key);
                await cancel.CancelAsync();
            }
        };

        await listing.Should().ThrowAsync<OperationCanceledException>();
        seen.Should().Equal("a");
    }

    [Fact]
    public async Task Readers_see_whole_objects_only()
    {
        const int Size = PartSize + (1 << 20);
        await Store.PutAsync("object", Letters('a'), cancellationToken: Cancellation);
        using var done = new CancellationTokenSource();

        var reading = Task.Run(async () =>
        {
            var seen = new List<byte>();
            while (!done.IsCancellationRequested || seen.Count == 0)
            {
                var content = await ReadAsync("object");
                (content.Length, content.AsSpan().IndexOfAnyExcept(content[0])).Should().Be((Size, -1));
                seen.Add(content[0]);
            }

            return seen;
        });
        foreach (var letter in "bcdefgh") await Store.PutAsync("object", Letters(letter), cancellationToken: Cancellation);
        await done.CancelAsync();

        (await reading).Should().BeInAscendingOrder();

        static Trickle Letters(char letter) => new(Enumerable.Repeat((byte)letter, Size).ToArray());
    }

    [Fact]
    public async Task The_check_passes_and_leaves_nothing()
    {
        await Store.CheckAsync(Cancellation);

        (await ListAsync("**")).Should().BeEmpty();
        await NothingIsLeftBehindAsync();
    }

    [Fact]
    public async Task A_read_only_store_reads_and_does_not_write()
    {
        await PutTextAsync("object", "old");
        var readOnly = await OpenReadOnlyAsync();

        await readOnly.CheckAsync(Cancellation);
        (await readOnly.FindAsync("object", Cancellation)).Should().NotBeNull();
        (await readOnly.Invoking(store => store.PutAsync("object", Stream.Null, cancellationToken: Cancellation)).Should().ThrowAsync<ObjectStoreException>())
            .Which.Message.Should().Contain("read-only");
        (await readOnly.Invoking(store => store.DeleteAsync("object", Cancellation)).Should().ThrowAsync<ObjectStoreException>())
            .Which.FailureClass.Should().Be(FailureClass.Configuration);
        (await ReadTextAsync("object")).Should().Be("old");
    }

    /// <summary>Opens an empty store named "lake" with parts of <see cref="PartSize"/>.</summary>
    protected abstract ValueTask<IObjectStore> OpenAsync();

    /// <summary>Opens the same store for reading only.</summary>
    protected abstract ValueTask<IObjectStore> OpenReadOnlyAsync();

    /// <summary>Fails when the store keeps anything else than its objects.</summary>
    protected abstract Task NothingIsLeftBehindAsync();

    protected static byte[] Bytes(int size, int seed)
    {
        var bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    protected Task<ObjectInfo> PutTextAsync(string key, string text) =>
        Store.PutAsync(key, new MemoryStream(Encoding.UTF8.GetBytes(text)), cancellationToken: Cancellation);

    protected async Task<string> ReadTextAsync(string key) => Encoding.UTF8.GetString(await ReadAsync(key));

    protected async Task<byte[]> ReadAsync(string key, ByteRange? range = null)
    {
        await using var stream = await Store.OpenReadAsync(key, range, Cancellation);
        using var content = new MemoryStream();
        await stream.CopyToAsync(content, Cancellation);
        return content.ToArray();
    }

    protected async Task<List<ObjectInfo>> ListAsync(string glob) => await Store.ListAsync(glob, Cancellation).ToListAsync(Cancellation);
}
