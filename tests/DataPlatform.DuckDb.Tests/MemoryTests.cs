using System.Globalization;

namespace DataPlatform.DuckDb.Tests;

public sealed class MemoryTests : DuckDbTest
{
    [Fact]
    public async Task A_load_takes_the_same_memory_however_many_rows_it_has()
    {
        // A peak depends on when the collector and DuckDB's checkpoints run, by a tenth and more. What grows with the rows is five times as much, however often one looks: a twentieth of the
        // peak is enough to fail.
        var few = Math.Max(await PeakAsync(640_000), await PeakAsync(640_000));
        var many = Math.Min(await PeakAsync(3_200_000), await PeakAsync(3_200_000));
        ((double)many / few).Should().BeLessThan(1.2, "{0} KiB for the fewer rows and {1} KiB for five times as many", few, many);
    }

    [Fact]
    public async Task More_than_fits_into_memory_is_spilled()
    {
        await using var warehouse = new DuckDbWarehouse("warehouse", $"DataSource={File};memory_limit=100MB");
        await using var transaction = await warehouse.BeginAsync(Cancelled);
        var rows = await transaction.QueryAsync(
            "SELECT count(*), max(c) FROM (SELECT k, count(*) AS c FROM (SELECT hash(i)::text || repeat('x', 20) AS k FROM range(4000000) AS t(i)) GROUP BY k)", null, Cancelled);
        rows[0].Should().Equal(4_000_000L, 1L);
    }

    private async Task<long> PeakAsync(long rows)
    {
        var file = Folder.Combine($"{Guid.NewGuid():N}.duckdb");
        await using (var process = StartProcess("load", file, rows.ToString(CultureInfo.InvariantCulture)))
        {
            var result = await process.WaitAsync();
            result.ExitCode.Should().Be(0, result.All);
            await using var warehouse = new DuckDbWarehouse("warehouse", file);
            await using var transaction = await warehouse.BeginAsync(Cancelled);
            (await transaction.QueryAsync("SELECT count(*), count(DISTINCT id), count(note) FROM raw.rows", null, Cancelled))[0][..2].Should().Equal(rows, 80_000L);
            return long.Parse(result.Output.Split(' ')[1], CultureInfo.InvariantCulture);
        }
    }
}
