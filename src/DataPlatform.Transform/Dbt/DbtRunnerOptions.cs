using Microsoft.Extensions.Configuration;

namespace DataPlatform.Transform;

/// <summary>What runs dbt projects.</summary>
public enum DbtRunnerKind
{
    /// <summary>The dbt command line where it is found and the warehouse is PostgreSQL, else the built-in engine.</summary>
    Auto,

    /// <summary>The dbt command line.</summary>
    Cli,

    /// <summary>The engine of the package DataPlatform.Dbt.</summary>
    BuiltIn,
}

/// <summary>How dbt projects are run. Bound from the section <c>Dbt</c>.</summary>
public sealed class DbtRunnerOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Dbt";

    /// <summary>What runs them. <see cref="DbtRunnerKind.Auto"/> unless set.</summary>
    public DbtRunnerKind Runner { get; set; } = DbtRunnerKind.Auto;

    /// <summary>The dbt command: a name that is looked for in <c>PATH</c>, or a path. <c>dbt</c> unless set.</summary>
    public string Executable { get; set; } = "dbt";

    /// <summary>A folder in which what dbt has parsed is kept between runs, so that it starts faster. Null keeps nothing.</summary>
    public string? CachePath { get; set; }

    /// <summary>How long dbt may take to stop when it is told to, before it is killed. 5 s; keep it well below <c>DataPlatform:GracePeriod</c>.</summary>
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How many of the rows that a failed test found are shown, in the error and in <see cref="DbtNodeResult.FailedRows"/>. 5; 0 looks up none.</summary>
    public int ShowFailedRows { get; set; } = 5;

    /// <summary>Reads the section.</summary>
    /// <exception cref="DataPlatformException">A value is not valid; the message names it.</exception>
    internal static DbtRunnerOptions Read(IConfiguration? configuration)
    {
        try
        {
            var options = configuration?.GetSection(Section).Get<DbtRunnerOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new DbtRunnerOptions();
            return options.StopGrace > TimeSpan.Zero && !string.IsNullOrWhiteSpace(options.Executable) && options.ShowFailedRows is >= 0 and <= 1000
                ? options
                : throw new InvalidOperationException($"{Section}:StopGrace must be longer than zero, {Section}:Executable not empty and {Section}:ShowFailedRows from 0 to 1000.");
        }
        catch (InvalidOperationException e)
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"The section {Section} cannot be read: {e.Message}{(e.InnerException is { } inner ? $" {inner.Message}" : "")}",
                $"{Section}:Runner is Auto, Cli or BuiltIn; StopGrace is a time such as 00:00:05.");
        }
    }
}
