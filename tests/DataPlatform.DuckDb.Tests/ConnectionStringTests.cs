using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.DuckDb.Tests;

public sealed class ConnectionStringTests
{
    [Theory]
    [InlineData("DataSource=./data/warehouse.duckdb", true)]
    [InlineData("Data Source = /tmp/x.db;threads=2", true)]
    [InlineData("threads=2;datasource=x", true)]
    [InlineData("./data/warehouse.duckdb", true)]
    [InlineData("C:\\data\\Warehouse.DUCKDB", true)]
    [InlineData("s3://bucket/warehouse.duckdb", false)]
    [InlineData("./data/lake", false)]
    [InlineData("Host=localhost;Database=warehouse.duckdb", false)]
    [InlineData("Host=localhost;Password=DataSource", false)]
    public void Connection_strings_and_paths_of_DuckDB_are_recognised(string text, bool recognised) =>
        DuckDbConnectionString.Recognizes(text).Should().Be(recognised);

    [Theory]
    [InlineData("DataSource=some/where.duckdb")]
    [InlineData("Data Source=./some/../some/where.duckdb")]
    [InlineData("some/where.duckdb")]
    public void Relative_paths_are_relative_to_the_working_directory(string text) =>
        Parse(text).DataSource.Should().Be(Path.Combine(Environment.CurrentDirectory, "some", "where.duckdb"));

    [Fact]
    public void A_file_has_one_name_whatever_links_lead_to_it()
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder.Combine("real"));
        File.WriteAllText(folder.Combine("real", "file.duckdb"), "");
        Directory.CreateSymbolicLink(folder.Combine("link"), folder.Combine("real"));
        File.CreateSymbolicLink(folder.Combine("other.duckdb"), folder.Combine("link", "file.duckdb"));
        var real = Parse(folder.Combine("real", "file.duckdb")).DataSource;

        Parse(folder.Combine("link", "file.duckdb")).DataSource.Should().Be(real);
        Parse(folder.Combine("other.duckdb")).DataSource.Should().Be(real);
        Parse(folder.Combine("link", "new", "file.duckdb")).DataSource.Should().Be(Path.Combine(Path.GetDirectoryName(real)!, "new", "file.duckdb"));
    }

    [Fact]
    public void Memory_and_threads_have_limits_that_options_change_and_the_connection_string_overrides()
    {
        Parse("x.duckdb").MemoryLimit.Should().MatchRegex("^[0-9]{2,4}MB$");
        var options = new DuckDbWarehouseOptions { MemoryLimit = "2GB", Threads = 3 };
        Parse("x.duckdb", options).ToString().Should().Contain("memory_limit=2GB").And.Contain("threads=3");
        Parse("DataSource=x.duckdb;memory_limit=300MB;threads=1", options).ToString().Should().Contain("memory_limit=300MB").And.Contain("threads=1");
        Parse("DataSource=x.duckdb;max_memory=400MB", options).MemoryLimit.Should().Be("400MB");
    }

    [Fact]
    public void What_spills_goes_to_a_folder_of_the_databases_own_unless_one_is_named()
    {
        var own = Parse("x.duckdb").OwnTempDirectory;
        own.Should().StartWith(Path.Combine(Path.GetTempPath(), "dataplatform-duckdb-")).And.NotBe(Parse("y.duckdb").OwnTempDirectory);
        Parse("./x.duckdb", new DuckDbWarehouseOptions { TempDirectory = "/scratch" }).OwnTempDirectory.Should().Be(Path.Combine("/scratch", Path.GetFileName(own)!));
        var named = Parse("DataSource=x.duckdb;temp_directory=/scratch/here");
        named.OwnTempDirectory.Should().BeNull("it is not ours to delete");
        named.ToString().Should().Contain("temp_directory=/scratch/here");
    }

    [Theory]
    [InlineData("DataSource=x.duckdb;s3cret=1")]
    [InlineData("DataSource=x.duckdb;motherduck_token=abc;s3cret")]
    [InlineData("DataSource=;threads=1")]
    [InlineData("threads=2")]
    public void What_cannot_be_read_is_a_configuration_failure_that_shows_no_value(string text)
    {
        var failure = FluentActions.Invoking(() => new DuckDbWarehouse("marts", text)).Should().Throw<WarehouseException>().Which;
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("'marts'").And.Contain("ConnectionStrings:marts");
        failure.Hint.Should().Contain("DataSource=");
        failure.ToString().Should().NotContain("s3cret").And.NotContain("abc");
    }

    private static DuckDbConnectionString Parse(string text, DuckDbWarehouseOptions? options = null) =>
        DuckDbConnectionString.Parse("warehouse", text, options ?? new DuckDbWarehouseOptions());
}
