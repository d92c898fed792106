using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace DataPlatform.Benchmarks;

/// <summary>One way to do the work: a process, what comes before it and what must be true after.</summary>
/// <param name="Name">As the table shows it.</param>
/// <param name="Prepare">Brings everything to the same state; not timed.</param>
/// <param name="Start">The process that is timed, from its start to its end.</param>
/// <param name="Verify">A text about the result's contents; all contenders must give the same. Null for what has none.</param>
internal sealed record Contender(string Name, Func<Task> Prepare, Func<ProcessStartInfo> Start, Func<Task<string>>? Verify);

/// <summary>What one process took.</summary>
internal sealed record Measure(TimeSpan Wall, TimeSpan Cpu, long PeakKib);

/// <summary>Runs contenders in turn, in rotating order, and prints medians and ratios to the first of them.</summary>
internal static class Contest
{
    public static async Task<int> RunAsync(string title, IReadOnlyList<Contender> contenders, int rounds, CancellationToken cancellationToken)
    {
        var measures = contenders.ToDictionary(c => c, _ => new List<Measure>());
        string? expected = null;
        for (var round = 0; round <= rounds; round++)
        {
            for (var turn = 0; turn < contenders.Count; turn++)
            {
                var contender = contenders[(round + turn) % contenders.Count];
                await contender.Prepare();
                var measure = await TimeAsync(contender.Start(), cancellationToken);
                var contents = contender.Verify is { } verify ? await verify() : expected;
                expected ??= contents;
                if (contents != expected) throw new InvalidOperationException($"{contender.Name} gave {contents}, the others {expected}.");
                if (round > 0) measures[contender].Add(measure);
                AnsiConsole.MarkupLineInterpolated($"[grey]round {round} {contender.Name}: {measure.Wall.TotalSeconds:0.000} s[/]");
            }
        }

        Print(title, contenders, measures);
        return 0;
    }

    private static void Print(string title, IReadOnlyList<Contender> contenders, Dictionary<Contender, List<Measure>> measures)
    {
        var peer = Median(measures[contenders[0]].Select(m => m.Wall.TotalSeconds));
        Console.WriteLine();
        Console.WriteLine($"| {title} | wall, median (min-max) s | ratio | CPU s | peak MiB |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach (var contender in contenders)
        {
            var walls = measures[contender].Select(m => m.Wall.TotalSeconds).ToList();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {contender.Name} | {Median(walls):0.00} ({walls.Min():0.00}-{walls.Max():0.00}) | {Median(walls) / peer:0.00} | {Median(measures[contender].Select(m => m.Cpu.TotalSeconds)):0.0} | {Median(measures[contender].Select(m => m.PeakKib / 1024.0)):0} |"));
        }
    }

    /// <summary>Runs a process and watches its CPU time and peak memory every 20 ms.</summary>
    private static async Task<Measure> TimeAsync(ProcessStartInfo start, CancellationToken cancellationToken)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        var end = process.WaitForExitAsync(cancellationToken);
        var (cpu, peak) = (TimeSpan.Zero, 0L);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!end.IsCompleted)
        {
            if (Sample(process.Id) is { } sample) (cpu, peak) = sample;
            await Task.WhenAny(end, timer.WaitForNextTickAsync(cancellationToken).AsTask());
        }

        var wall = clock.Elapsed;
        if (process.ExitCode != 0) throw new InvalidOperationException($"{start.FileName} ended with {process.ExitCode}:\n{await output}\n{await error}");
        return new Measure(wall, cpu, peak);
    }

    private static (TimeSpan Cpu, long PeakKib)? Sample(int processId)
    {
        try
        {
            // Fields 14 and 15 of stat are user and system time in clock ticks; the name in parentheses may hold spaces.
            var stat = File.ReadAllText($"/proc/{processId}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            var ticks = long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
            var peak = File.ReadLines($"/proc/{processId}/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return peak is null ? null : (TimeSpan.FromSeconds(ticks / 100.0), long.Parse(peak.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
