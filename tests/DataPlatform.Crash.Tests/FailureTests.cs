using System.Text;
using System.Text.Json;
using DataPlatform.ObjectStores;
using DataPlatform.Testing;

namespace DataPlatform.Crash.Tests;

/// <summary>What goes wrong in practice: the right exit code, one readable message with what to do, nothing half-written, no secret.</summary>
public sealed class FailureTests
{
    private const string Job = "DataPlatform.Crash.Tests.Job";
    private const string Secret = "s3cr3t-\"p=ss;w&rd";

    [Fact]
    public async Task A_wrong_password_is_not_authorized_and_not_shown()
    {
        await using var environment = await JobEnvironment.CreateAsync("postgresql");
        var connection = new Npgsql.NpgsqlConnectionStringBuilder(environment.Variables["ConnectionStrings__warehouse"]) { Password = null };
        environment.Variables["ConnectionStrings__warehouse"] = $"{connection.ConnectionString};Password='${{secret://env/DB_PASSWORD}}'";
        environment.Variables["DB_PASSWORD"] = "wr0ng-passw0rd";

        var result = await environment.RunAsync(Job, "run", "big");

        AssertFailed(result, FailureClass.NotAuthorized, "password authentication failed", "dp");
        result.All.Should().NotContain("wr0ng-passw0rd");
    }

    [Fact]
    public async Task Missing_secrets_are_all_named_at_once()
    {
        await using var environment = await JobEnvironment.CreateAsync("postgresql");
        environment.Variables["ConnectionStrings__warehouse"] = "Host=127.0.0.1;Username=${secret://env/DB_USER};Password=${secret://env/DB_PASSWORD}";
        environment.Variables["Some__Setting"] = "${secret://file/api-token}";

        AssertFailed(await environment.RunAsync(Job, "run", "big"), FailureClass.Configuration, "DB_USER", "DB_PASSWORD", "api-token", "ConnectionStrings:warehouse");
    }

    [Fact]
    public async Task A_missing_bucket_is_named()
    {
        await using var environment = await JobEnvironment.CreateAsync("postgresql");
        environment.Variables["ConnectionStrings__lake"] = "s3://no-such-bucket-here/lake";

        AssertFailed(await environment.RunAsync(Job, "run", "big"), FailureClass.CannotWrite, "no-such-bucket-here", "Create the bucket");
    }

    [Fact]
    public async Task An_unreachable_server_is_unavailable()
    {
        await using var environment = await JobEnvironment.CreateAsync("postgresql");
        environment.Variables["ConnectionStrings__warehouse"] = $"Host=127.0.0.1;Port=1;Username=dp;Password={Secret.Replace(";", "", StringComparison.Ordinal)}";

        var result = await environment.RunAsync(Job, "run", "big");

        AssertFailed(result, FailureClass.Unavailable, "127.0.0.1:1");
        result.All.Should().NotContain(Secret[..8]);
    }

    [Fact]
    public async Task An_unwritable_folder_cannot_be_written()
    {
        await using var environment = await JobEnvironment.CreateAsync("duckdb");
        environment.Variables["ConnectionStrings__lake"] = "/proc/lake";

        AssertFailed(await environment.RunAsync(Job, "run", "big"), FailureClass.CannotWrite, "/proc/lake");
    }

    [Fact]
    public async Task An_unwritable_warehouse_file_cannot_be_written()
    {
        await using var environment = await JobEnvironment.CreateAsync("duckdb");
        environment.Variables["ConnectionStrings__warehouse"] = "DataSource=/proc/warehouse.duckdb";

        AssertFailed(await environment.RunAsync(Job, "run", "big"), FailureClass.CannotWrite, "/proc/warehouse.duckdb");
    }

    [Fact]
    public async Task An_unknown_step_is_answered_with_those_there_are()
    {
        await using var environment = await JobEnvironment.CreateAsync("duckdb");

        AssertFailed(await environment.RunAsync(Job, "run", "big", "--step", "lod"), FailureClass.Configuration, "'lod'", "load, peak");
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task Broken_SQL_is_shown_with_its_place(string system)
    {
        await using var environment = await JobEnvironment.CreateAsync(system);

        AssertFailed(await environment.RunAsync(Job, "run", "broken-sql"), FailureClass.Configuration, "broken.sql", "2", "no_such_column");
        (await environment.HashTablesAsync()).Should().BeEmpty();
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task A_corrupt_CSV_fails_with_line_column_and_value_and_keeps_the_evidence(string system)
    {
        await using var environment = await JobEnvironment.CreateAsync(system);
        await PutAsync(environment, "measurements.csv", "id,sensor,amount,reading,measured_at,note\n1,2,3.50,4.5,2026-01-01T00:00:00,ok\n2,two,3.50,4.5,2026-01-01T00:00:00,bad\n"u8.ToArray());

        AssertFailed(await environment.RunAsync(Job, "run", "big"), FailureClass.Data, "measurements.csv", "3", "sensor", "two");
        (await environment.HashTablesAsync()).Should().BeEmpty();
        (await environment.QueryAsync("SELECT source, position, column_name FROM dataplatform.quarantine")).Should().BeEquivalentTo(new object[][] { ["measurements.csv", 3L, "sensor"] });
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task A_corrupt_Parquet_file_is_named_and_nothing_of_it_written(string system)
    {
        await using var environment = await JobEnvironment.CreateAsync(system);
        await PutAsync(environment, "measurements.parquet", Encoding.ASCII.GetBytes("PAR1" + new string('x', 500) + "PAR1"));

        AssertFailed(await environment.RunAsync(Job, "run", "parquet"), FailureClass.Data, "measurements.parquet");
        (await environment.HashTablesAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task A_secret_appears_nowhere_not_even_when_a_step_prints_it()
    {
        await using var environment = await JobEnvironment.CreateAsync("duckdb");
        environment.Variables["MY_SECRET"] = Secret;
        environment.Variables["Demo__Secret"] = "${secret://env/MY_SECRET}";

        foreach (var arguments in new[] { new[] { "run", "leak" }, ["run", "leak", "--output", "json"], ["doctor"], ["runs"], ["describe", "leak"] })
        {
            var result = await environment.RunAsync(Job, arguments);
            foreach (var form in new[] { Secret, JsonEncodedText.Encode(Secret).ToString(), Uri.EscapeDataString(Secret), Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret)) })
                result.All.Should().NotContain(form, $"of {string.Join(' ', arguments)}");
            if (arguments[0] == "run") result.All.Should().Contain("***");
        }

        (await environment.QueryAsync("SELECT error FROM dataplatform.runs")).Should().OnlyContain(row => !((string)row[0]!).Contains(Secret, StringComparison.Ordinal));
        (await environment.QueryAsync("SELECT error FROM dataplatform.step_runs")).Should().OnlyContain(row => !((string)row[0]!).Contains(Secret, StringComparison.Ordinal));
    }

    private static void AssertFailed(JobResult result, FailureClass failure, params string[] mentions)
    {
        result.ExitCode.Should().Be((int)failure, result.All);
        foreach (var mention in mentions) result.All.Should().Contain(mention);
        if (failure != FailureClass.Bug) result.All.Should().NotContain("   at ", "a failure that is understood needs no stack trace");
    }

    private static Task<ObjectInfo> PutAsync(JobEnvironment environment, string key, byte[] content) => environment.OpenLake().PutAsync(key, new MemoryStream(content));
}
