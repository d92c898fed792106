using System.Globalization;
using System.Text;
using System.Text.Json;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Transform;

/// <summary>Runs the checks of a table and fails when one does not hold.</summary>
internal sealed class CheckStep(string warehouseName, TableName table, IReadOnlyList<TableCheck> checks, IServiceProvider services) : IStep, IStepPreflight
{
    public Task CheckAsync(CancellationToken cancellationToken)
    {
        foreach (var check in checks.OfType<QueryCheck>()) check.Query.Check();
        return Task.CompletedTask;
    }

    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var warehouse = services.GetRequiredKeyedService<IWarehouse>(warehouseName);
        var now = (services.GetService<TimeProvider>() ?? TimeProvider.System).GetUtcNow();
        var endOfDay = new DateTimeOffset(context.Run.LogicalDate.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero).AddDays(1);
        var report = await new TableChecker(warehouse, table, checks, context.Run, now < endOfDay ? now : endOfDay).RunAsync(cancellationToken).ConfigureAwait(false);

        context.Rows.Add(read: report.Rows);
        context.SetOutput("checks", report.Results);
        var failed = report.Results.Where(result => result is { Passed: false, IsWarning: false }).ToList();
        await context.GetLedger(warehouse).AuditAsync(
            new AuditEvent(failed.Count == 0 ? "check.pass" : "check.fail", table.ToString(), context.Run.RunId, JsonSerializer.Serialize(report.Results, JsonSerializerOptions.Web)),
            cancellationToken).ConfigureAwait(false);

        foreach (var warning in report.Results.Where(result => result is { Passed: false, IsWarning: true }))
            context.Logger.LogWarning("Check of {Table}: {Finding}", table, Describe(warning));
        if (failed.Count > 0) throw Failed(report, failed);
    }

    private DataPlatformException Failed(CheckReport report, List<CheckResult> failed)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{failed.Count} of {report.Results.Count} checks of {table} ({report.Rows} rows) failed:");
        foreach (var result in failed) text.AppendLine().Append("  ").Append(Describe(result));
        return new DataPlatformException(
            FailureClass.Data, text.ToString(), "Correct the data or the step that makes it, then run this step again; what does not have to hold can be .AsWarning().");
    }

    private static string Describe(CheckResult result)
    {
        var text = new StringBuilder(result.Check).Append(": ");
        text.Append(result.Detail ?? string.Create(CultureInfo.InvariantCulture, $"{result.FailingRows} {(result.FailingRows == 1 ? "row breaks" : "rows break")} it"));
        if (result.Samples.Count > 0) text.Append(", such as ").AppendJoin("; ", result.Samples);
        return text.ToString();
    }
}
