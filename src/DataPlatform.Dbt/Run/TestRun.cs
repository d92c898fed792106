using System.Text.RegularExpressions;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Run;

/// <summary>Runs tests: queries that find what is wrong.</summary>
internal static partial class TestRun
{
    public static bool StoresFailures(DbtNode test, DbtOptions options) =>
        test.Config["store_failures_as"] is string kind ? kind != "ephemeral" : test.Config.Flag("store_failures", options.StoreFailures);

    /// <summary>The arguments of a generic test: texts that are templates or references become what they mean.</summary>
    public static PythonDict Arguments(EngineState state, DbtNode test, NodeContext context)
    {
        return (PythonDict)Render(test.Test!.Arguments)!;

        object? Render(object? value) => value switch
        {
            PythonDict dict => new PythonDict(dict.Items.Select(item => new KeyValuePair<string, object?>(Representation.Print(item.Key), Render(item.Value)))),
            PythonList list => new PythonList(list.Items.Select(Render)),
            string text => state.Evaluate(Call().IsMatch(text) ? $"{{{{ {text} }}}}" : text, test.OriginalPath, test.Line, () => context),
            _ => value,
        };
    }

    /// <summary>Runs a compiled test.</summary>
    public static (string Status, string? Message, long Failures) Run(NodeContext context, string sql)
    {
        var (test, database, config) = (context.Node!, context.Database!, context.Node!.Config);
        if (StoresFailures(test, context.State.Options) && (config.Text("store_failures_as") ?? "table") is not ("table" or "view") and var kind)
            throw new TemplateError($"store_failures_as is table, view or ephemeral, not '{kind}'.");
        var (calculation, warnIf, errorIf) = (config.Text("fail_calc") ?? "count(*)", config.Text("warn_if") ?? "!= 0", config.Text("error_if") ?? "!= 0");
        var macros = context.State.Project!.Macros;
        OwnMaterialization.Run(context, OwnMaterialization.Find(context.State, "test") ?? macros.In(MacroTable.Dbt, OwnMaterialization.MacroName("test", "default"))!, sql);
        var row = context.Rows("main").SingleOrDefault() ?? throw new TemplateError("The materialization of tests did not leave one row of 'main': failures, should_warn, should_error.");
        database.Respond("SELECT", 1);
        var failures = row[0] switch
        {
            null => throw new TemplateError($"fail_calc '{calculation}' gave NULL: it is to give a whole number."),
            long number => number,
            double number when Math.Floor(number) == number => (long)number,
            var other => throw new TemplateError($"fail_calc '{calculation}' gave {Representation.Print(other)}: it is to give a whole number."),
        };
        var severity = (config.Text("severity") ?? "error").ToUpperInvariant();
        if (severity is not ("ERROR" or "WARN")) throw new TemplateError($"The severity of a test is error or warn, not '{severity}'.");
        var results = $"Got {failures} {(failures == 1 ? "result" : "results")}, configured to";
        if (severity == "ERROR" && row[2] is true) return ("fail", $"{results} fail if {errorIf}", failures);
        if (row[1] is not true) return ("pass", null, failures);
        return (context.State.Options.WarnError ? "fail" : "warn", $"{results} {(context.State.Options.WarnError ? "fail" : "warn")} if {warnIf}", failures);
    }

    [GeneratedRegex(@"^\s*(?:env_var|ref|var|source|doc)\s*\(.+\)\s*$", RegexOptions.Singleline)]
    private static partial Regex Call();
}
