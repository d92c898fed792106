using System.Diagnostics;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.DuckDb.Tests;

/// <summary>Opening a file: alone, while another process has it, and when it cannot be.</summary>
public sealed class OpeningTests : DuckDbTest
{
    [Fact]
    public async Task A_folder_that_is_missing_is_created()
    {
        var file = Folder.Combine("data", "of", "mine", "warehouse.duckdb");
        await using var warehouse = new DuckDbWarehouse("warehouse", file);
        warehouse.Location.Should().EndWith(Path.Combine("data", "of", "mine", "warehouse.duckdb"));
        System.IO.File.Exists(file).Should().BeFalse("it is opened when first used");
        await warehouse.CheckAsync(Cancelled);
        System.IO.File.Exists(file).Should().BeTrue();
    }

    [Fact]
    public async Task The_check_leaves_nothing()
    {
        await Warehouse.CheckAsync(Cancelled);
        (await QueryAsync("SELECT count(*) FROM information_schema.tables")).Should().BeEquivalentTo(new object[][] { [0L] });
        await Warehouse.DisposeAsync();
        Directory.GetFiles(Folder.Path).Select(Path.GetFileName).Should().Equal("warehouse.duckdb");
    }

    [Fact]
    public async Task A_file_that_another_process_has_open_is_waited_for_and_said_to_be()
    {
        await using var holder = StartProcess("hold", File);
        await holder.WaitForAsync("holding");
        var log = new ListLoggerProvider();
        using var logging = LoggerFactory.Create(logging => logging.AddProvider(log));
        await using var warehouse = new DuckDbWarehouse("warehouse", File, null, logging);

        var opening = warehouse.CheckAsync(Cancelled);
        await log.WaitForAsync("Waiting up to 00:00:30");
        opening.IsCompleted.Should().BeFalse();
        holder.Send(JobSignal.Kill);
        await opening;

        log.Messages.Should().ContainSingle().Which.Should().Contain($"PID {holder.Id}").And.Contain("warehouse.duckdb");
    }

    [Fact]
    public async Task A_file_that_stays_open_elsewhere_is_a_transient_failure_that_names_the_process()
    {
        await using var holder = StartProcess("hold", File);
        await holder.WaitForAsync("holding");
        holder.Send(JobSignal.Stop);
        foreach (var timeout in new[] { TimeSpan.Zero, TimeSpan.FromMilliseconds(500) })
        {
            await using var warehouse = new DuckDbWarehouse("warehouse", File, new DuckDbWarehouseOptions { LockTimeout = timeout });
            var waited = Stopwatch.StartNew();
            var failure = await FailAsync(() => warehouse.CheckAsync(Cancelled));
            waited.Elapsed.Should().BeGreaterThanOrEqualTo(timeout);
            failure.FailureClass.Should().Be(FailureClass.Transient, "a paused process keeps its lock");
            failure.Message.Should().Contain($"another process (PID {holder.Id}) has").And.Contain("warehouse.duckdb open");
        }
    }

    [Fact]
    public async Task Waiting_for_a_file_can_be_cancelled()
    {
        await using var holder = StartProcess("hold", File);
        await holder.WaitForAsync("holding");
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var opening = Warehouse.CheckAsync(cancellation.Token);
        await cancellation.CancelAsync();
        await opening.Awaiting(o => o).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task After_kill_9_the_file_can_be_opened_at_once()
    {
        await using var holder = StartProcess("hold", File);
        await holder.WaitForAsync("holding");
        holder.Send(JobSignal.Kill);
        await holder.WaitAsync();
        await using var warehouse = new DuckDbWarehouse("warehouse", File, new DuckDbWarehouseOptions { LockTimeout = TimeSpan.Zero });
        await warehouse.CheckAsync(Cancelled);
    }

    [Fact]
    public async Task Two_warehouses_of_one_process_share_a_file_whatever_they_call_it()
    {
        await ExecuteAsync("CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)");
        System.IO.File.CreateSymbolicLink(Folder.Combine("link.duckdb"), File);
        await using var other = new DuckDbWarehouse("other", Folder.Combine("link.duckdb"));
        await using (var transaction = await other.BeginAsync(Cancelled))
        {
            await transaction.ExecuteAsync("INSERT INTO t VALUES (2)", null, Cancelled);
            await transaction.CommitAsync(Cancelled);
        }

        (await QueryAsync("SELECT n FROM t ORDER BY n")).Should().BeEquivalentTo(new object[][] { [1], [2] });
    }

    [Fact]
    public async Task Sessions_live_as_long_as_their_warehouse()
    {
        var other = new DuckDbWarehouse("other", File);
        other.SessionName.Should().NotBe(Warehouse.SessionName);
        (await Warehouse.IsSessionAliveAsync(other.SessionName, Cancelled)).Should().BeTrue();
        await other.DisposeAsync();
        (await Warehouse.IsSessionAliveAsync(other.SessionName, Cancelled)).Should().BeFalse();
    }

    [Fact]
    public async Task A_database_in_memory_is_shared_by_the_connections_of_its_warehouse_alone()
    {
        await using var warehouse = new DuckDbWarehouse("warehouse", "DataSource=:memory:");
        await using var other = new DuckDbWarehouse("other", "DataSource=:memory:");
        await using (var transaction = await warehouse.BeginAsync(Cancelled))
        {
            await transaction.CreateTableAsync("raw.trips", Trips, [], Cancelled);
            await AppendAsync(transaction, "raw.trips", Trips, [[1L, "a"]]);
            await transaction.CommitAsync(Cancelled);
        }

        (await warehouse.ReadAsync("SELECT * FROM raw.trips", null, Cancelled).ToRowsAsync()).ShouldEqual([[1L, "a"]]);
        (await FailAsync(() => other.ReadAsync("SELECT * FROM raw.trips", null, Cancelled).ToRowsAsync())).FailureClass.Should().Be(FailureClass.Configuration);
    }

    [Theory]
    [InlineData("/proc/nowhere/warehouse.duckdb", FailureClass.CannotWrite, "/proc/nowhere cannot be created")]
    [InlineData("text.duckdb", FailureClass.Configuration, "not a valid DuckDB database file")]
    [InlineData("text.duckdb/in/warehouse.duckdb", FailureClass.CannotWrite, "cannot be created")]
    [InlineData("folder.duckdb", FailureClass.Configuration, "Is a directory")]
    [InlineData("damaged.duckdb", FailureClass.Data, "checksum")]
    [InlineData("DataSource=new.duckdb;threads=s3cret", FailureClass.Configuration, "setting threads")]
    public async Task What_cannot_be_opened_says_why_and_what_to_do(string connectionString, FailureClass failureClass, string reason)
    {
        await System.IO.File.WriteAllTextAsync(Folder.Combine("text.duckdb"), string.Concat(Enumerable.Repeat("this is not a database ", 1000)), Cancelled);
        Directory.CreateDirectory(Folder.Combine("folder.duckdb"));
        await WriteDamagedAsync(Folder.Combine("damaged.duckdb"));
        var at = connectionString.IndexOf('=', StringComparison.Ordinal) + 1;
        await using var warehouse = new DuckDbWarehouse("warehouse", $"{connectionString[..at]}{Folder.Combine(connectionString[at..])}");

        var failure = await FailAsync(() => warehouse.CheckAsync(Cancelled));
        failure.FailureClass.Should().Be(failureClass);
        failure.Message.Should().Contain("Warehouse 'warehouse'").And.Contain(reason);
        failure.ToString().Should().NotContain("s3cret");
        if (failureClass != FailureClass.Configuration || !reason.StartsWith("setting", StringComparison.Ordinal)) failure.Hint.Should().NotBeNullOrEmpty();
    }

    [Fact]
    public async Task What_a_killed_process_spilled_is_deleted_when_the_file_is_opened()
    {
        var folder = DuckDbConnectionString.Parse("warehouse", File, new DuckDbWarehouseOptions()).OwnTempDirectory!;
        Directory.CreateDirectory(folder);
        await System.IO.File.WriteAllTextAsync(Path.Combine(folder, "duckdb_temp_storage_DEFAULT-0.tmp"), "left over", Cancelled);
        await Warehouse.CheckAsync(Cancelled);
        Directory.Exists(folder).Should().BeFalse();
    }

    [Fact]
    public async Task Nothing_is_downloaded()
    {
        var failure = await FailAsync(() => QueryAsync("SELECT * FROM 's3://bucket/file.parquet'"));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("httpfs");
        failure.Hint.Should().Contain("object store");
    }

    private static async Task WriteDamagedAsync(string file)
    {
        await using (var warehouse = new DuckDbWarehouse("damaged", file)) await warehouse.CheckAsync(Cancelled);
        var bytes = await System.IO.File.ReadAllBytesAsync(file, Cancelled);
        for (var i = 200; i < bytes.Length; i++) bytes[i] ^= 0x5A;
        await System.IO.File.WriteAllBytesAsync(file, bytes, Cancelled);
    }

    /// <summary>Keeps what is logged.</summary>
    private sealed class ListLoggerProvider : ILoggerProvider, ILogger
    {
        private readonly List<string> _messages = [];
        private readonly TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IReadOnlyList<string> Messages
        {
            get
            {
                lock (_messages) return [.. _messages];
            }
        }

        public async Task WaitForAsync(string text)
        {
            await _changed.Task.WaitAsync(Cancelled);
            Messages.Should().ContainMatch($"*{text}*");
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_messages) _messages.Add(formatter(state, exception));
            _changed.TrySetResult();
        }

        public void Dispose()
        {
        }
    }
}
