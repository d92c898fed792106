using System.Text;
using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.Testing;

namespace DataPlatform.Core.Tests.ObjectStores;

/// <summary>What is particular to folders. What all stores do is in the conformance suite of the integration tests.</summary>
public sealed class FolderObjectStoreTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly Clock _clock = new();
    private readonly FolderObjectStore _store;

    public FolderObjectStoreTests() => _store = new FolderObjectStore("lake", _scratch.Combine("lake"), timeProvider: _clock);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Incoming => _scratch.Combine("lake", ".dataplatform", "incoming");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Its_location_is_the_full_path() =>
        new FolderObjectStore("lake", "./data/lake/").Location.Should().Be(Path.Join(Environment.CurrentDirectory, "data", "lake"));

    [Fact]
    public async Task A_missing_folder_is_made_by_a_put_and_by_the_check_and_an_error_for_who_reads()
    {
        Func<Task>[] reads =
        [
            () => _store.FindAsync("a", Cancellation), () => _store.OpenReadAsync("a", cancellationToken: Cancellation), () => ListAsync("inbox/*.csv"),
            () => new FolderObjectStore("lake", _store.Location, new FolderObjectStoreOptions { ReadOnly = true }).CheckAsync(Cancellation),
        ];
        foreach (var read in reads)
        {
            var failure = (await read.Should().ThrowAsync<ObjectStoreException>()).Which;
            failure.FailureClass.Should().Be(FailureClass.Configuration);
            failure.Message.Should().Be($"The folder of object store 'lake' does not exist: {_store.Location}.");
            failure.Hint.Should().Contain("ConnectionStrings:lake");
        }

        await _store.DeleteAsync("a", Cancellation);
        Directory.Exists(_store.Location).Should().BeFalse();

        await _store.CheckAsync(Cancellation);
        (await ListAsync("**")).Should().BeEmpty();
        (await _store.FindAsync("a", Cancellation)).Should().BeNull();
        Directory.Delete(_store.Location, recursive: true);

        await PutAsync("inbox/a.csv", "1");
        (await ListAsync("**")).Should().Equal("inbox/a.csv");
    }

    [Fact]
    public async Task Takes_files_that_others_put_there_for_objects()
    {
        Directory.CreateDirectory(_scratch.Combine("lake", "inbox"));
        await File.WriteAllTextAsync(_scratch.Combine("lake", "inbox", "a.csv"), "text", Cancellation);

        var found = (await _store.FindAsync("inbox/a.csv", Cancellation))!;

        found.Size.Should().Be(4);
        await _store.PutAsync("inbox/a.csv", new MemoryStream([1]), new ObjectPutOptions { IfMatch = found.ETag }, Cancellation);
        await _store.DeleteAsync("inbox/a.csv", Cancellation);
        (await ListAsync("**")).Should().BeEmpty();
    }

    [Fact]
    public async Task A_file_that_is_written_to_has_another_etag()
    {
        var put = await PutAsync("a", "text");

        await File.AppendAllTextAsync(_scratch.Combine("lake", "a"), "!", Cancellation);

        (await _store.FindAsync("a", Cancellation))!.ETag.Should().NotBe(put.ETag);
    }

    [Fact]
    public async Task Every_put_has_an_etag_of_its_own_although_the_clock_stands_still_or_goes_back()
    {
        var etags = new List<string>();
        for (var i = 0; i < 5; i++) etags.Add((await PutAsync("a", "text")).ETag);
        _clock.Now -= TimeSpan.FromHours(1);
        for (var i = 0; i < 5; i++) etags.Add((await PutAsync("a", "text")).ETag);

        etags.Should().OnlyHaveUniqueItems();
        (await _store.FindAsync("a", Cancellation))!.ETag.Should().Be(etags[^1]);
    }

    [Fact]
    public async Task A_copy_that_keeps_the_time_keeps_the_etag()
    {
        var put = await PutAsync("a", "text");
        File.Copy(_scratch.Combine("lake", "a"), _scratch.Combine("lake", "b"));
        File.SetLastWriteTimeUtc(_scratch.Combine("lake", "b"), put.LastModified.UtcDateTime);

        (await _store.FindAsync("b", Cancellation))!.ETag.Should().Be(put.ETag);
    }

    [Fact]
    public async Task Removes_what_killed_writers_left_and_nothing_that_is_being_written()
    {
        Directory.CreateDirectory(Incoming);
        await File.WriteAllTextAsync(Path.Join(Incoming, "dead"), "half", Cancellation);
        await File.WriteAllTextAsync(Path.Join(Incoming, "slow"), "half", Cancellation);
        await using var slow = new FileStream(Path.Join(Incoming, "slow"), FileMode.Open, FileAccess.ReadWrite, FileShare.Delete);
        foreach (var file in new[] { "dead", "slow" }) File.SetLastWriteTimeUtc(Path.Join(Incoming, file), _clock.Now.UtcDateTime - TimeSpan.FromMinutes(61));
        await File.WriteAllTextAsync(Path.Join(Incoming, "young"), "half", Cancellation);
        File.SetLastWriteTimeUtc(Path.Join(Incoming, "young"), _clock.Now.UtcDateTime - TimeSpan.FromMinutes(59));

        (await ListAsync("**")).Should().BeEmpty();
        await PutAsync("a", "text");

        Directory.EnumerateFiles(Incoming).Select(Path.GetFileName).Should().BeEquivalentTo("slow", "young");
        (await ListAsync("**")).Should().Equal("a");
    }

    [Fact]
    public async Task Waits_for_its_turn_and_stops_waiting_when_cancelled()
    {
        await PutAsync("a", "1");
        using var cancel = new CancellationTokenSource();
        Task<ObjectInfo> put;
        await using (new FileStream(_scratch.Combine("lake", ".dataplatform", "lock"), FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            put = PutAsync("a", "2");
            var cancelled = _store.PutAsync("a", new MemoryStream("3"u8.ToArray()), cancellationToken: cancel.Token);
            await cancel.CancelAsync();
            await cancelled.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
            (await ReadAsync("a")).Should().Be("1");
            put.IsCompleted.Should().BeFalse();
        }

        await put;
        (await ReadAsync("a")).Should().Be("2");
    }

    [Fact]
    public async Task Two_stores_of_one_folder_see_the_same()
    {
        var other = new FolderObjectStore("other", _store.Location);
        var put = await PutAsync("a", "1");

        await other.PutAsync("a", new MemoryStream("2"u8.ToArray()), new ObjectPutOptions { IfMatch = put.ETag }, Cancellation);

        await _store.Invoking(store => store.PutAsync("a", Stream.Null, new ObjectPutOptions { IfMatch = put.ETag }, Cancellation)).Should().ThrowAsync<ObjectPreconditionException>();
        await other.Invoking(store => store.PutAsync("a", Stream.Null, new ObjectPutOptions { IfAbsent = true }, Cancellation)).Should().ThrowAsync<ObjectPreconditionException>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_key_cannot_be_the_beginning_of_another(bool ifAbsent)
    {
        await PutAsync("a/b", "1");

        foreach (var (key, blocker) in new[] { ("a", "a is a folder"), ("a/b/c/d", "b is a file") })
        {
            var failure = (await _store.Invoking(store => store.PutAsync(key, Stream.Null, new ObjectPutOptions { IfAbsent = ifAbsent }, Cancellation))
                .Should().ThrowAsync<ObjectStoreException>()).Which;
            failure.FailureClass.Should().Be(FailureClass.CannotWrite);
            failure.Message.Should().StartWith($"Object store 'lake' cannot write '{key}' in {_store.Location}: ").And.Contain(blocker);
        }

        (await ListAsync("**")).Should().Equal("a/b");
        Directory.EnumerateFiles(Incoming).Should().BeEmpty();
    }

    [Fact]
    public async Task Follows_links_to_files_and_folders_and_replaces_a_link_to_a_file()
    {
        var outside = _scratch.Combine("outside");
        Directory.CreateDirectory(outside);
        await File.WriteAllTextAsync(Path.Join(outside, "x.csv"), "outside", Cancellation);
        await PutAsync("own.csv", "own");
        Directory.CreateSymbolicLink(_scratch.Combine("lake", "linked"), outside);
        File.CreateSymbolicLink(_scratch.Combine("lake", "link.csv"), Path.Join(outside, "x.csv"));
        File.CreateSymbolicLink(_scratch.Combine("lake", "dangling.csv"), Path.Join(outside, "none.csv"));
        Directory.CreateSymbolicLink(_scratch.Combine("lake", "back"), _store.Location);
        Directory.CreateSymbolicLink(Path.Join(outside, "loop"), outside);
        Directory.CreateSymbolicLink(Path.Join(outside, "round"), _store.Location);

        (await ListAsync("**")).Should().Equal("link.csv", "linked/x.csv", "own.csv");
        (await _store.FindAsync("link.csv", Cancellation))!.Size.Should().Be(7);
        (await _store.FindAsync("dangling.csv", Cancellation)).Should().BeNull();
        (await ReadAsync("linked/x.csv")).Should().Be("outside");

        await PutAsync("link.csv", "replaced");
        (await File.ReadAllTextAsync(Path.Join(outside, "x.csv"), Cancellation)).Should().Be("outside");
        (await ReadAsync("link.csv")).Should().Be("replaced");
    }

    [Fact]
    public async Task A_folder_below_on_another_file_system_is_told_as_such()
    {
        await PutAsync("a", "1");
        var other = Directory.CreateDirectory($"/dev/shm/dataplatform-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateSymbolicLink(_scratch.Combine("lake", "other"), other.FullName);

            var failure = (await _store.Invoking(store => store.PutAsync("other/a", Stream.Null, cancellationToken: Cancellation))
                .Should().ThrowAsync<ObjectStoreException>()).Which;

            failure.FailureClass.Should().Be(FailureClass.Configuration);
            failure.Hint.Should().Contain("file system of its own");
            other.EnumerateFiles().Should().BeEmpty();
        }
        finally
        {
            other.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_told_as_such()
    {
        await File.WriteAllTextAsync(_scratch.Combine("file"), "", Cancellation);
        var store = new FolderObjectStore("lake", _scratch.Combine("file", "lake"));

        var failure = (await store.Invoking(s => s.CheckAsync(Cancellation)).Should().ThrowAsync<ObjectStoreException>()).Which;

        failure.FailureClass.Should().Be(FailureClass.CannotWrite);
        failure.Message.Should().Contain("'lake'").And.Contain(_scratch.Combine("file"));
    }

    // No user may make a folder there, not even root.
    [Fact]
    public async Task A_folder_that_may_not_be_written_is_told_as_such()
    {
        var store = new FolderObjectStore("lake", "/sys/lake");

        var failure = (await store.Invoking(s => s.PutAsync("a", Stream.Null, cancellationToken: Cancellation)).Should().ThrowAsync<ObjectStoreException>()).Which;

        failure.FailureClass.Should().Be(FailureClass.CannotWrite);
        failure.Message.Should().Contain("cannot write 'a' in /sys/lake");
        failure.Hint.Should().Contain("right to write");
    }

    [Theory]
    [InlineData("write", FailureClass.CannotWrite)]
    [InlineData("read", FailureClass.Unavailable)]
    public void A_disk_that_fails_is_told_as_such(string verb, FailureClass failureClass)
    {
        var cause = new IOException("No space left on device", 28);

        var failure = new FolderErrors("lake", "/lake").Invoking(errors => errors.Guard(verb, "a", () => throw cause)).Should().Throw<ObjectStoreException>().Which;

        failure.FailureClass.Should().Be(failureClass);
        failure.Message.Should().Be($"Object store 'lake' cannot {verb} 'a' in /lake: No space left on device");
    }

    private Task<ObjectInfo> PutAsync(string key, string text) =>
        _store.PutAsync(key, new MemoryStream(Encoding.UTF8.GetBytes(text)), cancellationToken: Cancellation);

    private async Task<string> ReadAsync(string key)
    {
        using var reader = new StreamReader(await _store.OpenReadAsync(key, cancellationToken: Cancellation));
        return await reader.ReadToEndAsync(Cancellation);
    }

    private async Task<List<string>> ListAsync(string glob) => await _store.ListAsync(glob, Cancellation).Select(info => info.Key).ToListAsync(Cancellation);

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UtcNow;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
