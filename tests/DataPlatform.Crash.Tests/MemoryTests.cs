using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace DataPlatform.Crash.Tests;

/// <summary>Memory is bounded by batches, not by the input.</summary>
public sealed partial class MemoryTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task Five_million_rows_take_the_memory_of_one_million(string system)
    {
        // A peak is what is reached at most: when the collector happens to run early, one short load shows less of it.
        var one = Math.Max(await MeasureAsync(system, 1_000_000), await MeasureAsync(system, 1_000_000));
        var five = await MeasureAsync(system, 5_000_000);

        output.WriteLine($"{system}: peak {one / 1024} MiB for 1 M rows, {five / 1024} MiB for 5 M rows");
        // What grows with the rows shows five times: a twentieth of the peak is enough to fail.
        ((double)five / one).Should().BeLessThanOrEqualTo(1.2, $"1 M rows took {one / 1024} MiB and 5 M rows {five / 1024} MiB");
    }

    private static async Task<long> MeasureAsync(string system, int rows)
    {
        await using var environment = await JobEnvironment.CreateAsync(system);
        var lake = Path.Combine(environment.Folder, "measurements");
        Directory.CreateDirectory(lake);
        environment.UseLake(lake);

        // What a small container's limit does; without one .NET and DuckDB take of a large machine what they like.
        environment.Variables["DOTNET_GCHeapHardLimit"] = "0x4000000";
        environment.Variables["DOTNET_gcConcurrent"] = "0";
        if (system == "duckdb") environment.Variables["DataPlatform__Warehouses__warehouse__MemoryLimit"] = "200MB";
        await WriteCsvAsync(Path.Combine(lake, "measurements.csv"), rows);

        var result = await environment.RunAsync("DataPlatform.Crash.Tests.Job", "run", "big");
        result.ExitCode.Should().Be(0, result.All);
        (await environment.QueryAsync("SELECT count(*), min(id), max(id) FROM raw.measurements")).Should().BeEquivalentTo(new object[][] { [(long)rows, 1L, (long)rows] });
        return long.Parse(PeakPattern.Match(result.All).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static async Task WriteCsvAsync(string path, int rows)
    {
        await using var file = new StreamWriter(path, append: false, new UTF8Encoding(false), 1 << 20);
        await file.WriteAsync("id,sensor,amount,reading,measured_at,note\n");
        var line = new StringBuilder();
        for (var i = 1; i <= rows; i++)
        {
            line.Clear();
            line.Append(CultureInfo.InvariantCulture, $"{i},{i % 1000},{i % 100_000}.{i % 100:00},{i * 0.5},2026-01-{1 + (i % 28):00}T{i % 24:00}:{i % 60:00}:00,note number {i * 7919L % 1_000_003}\n");
            await file.WriteAsync(line);
        }
    }

    [GeneratedRegex("peak_kib=\"?([0-9]+)")]
    private static partial Regex PeakPattern { get; }
}
