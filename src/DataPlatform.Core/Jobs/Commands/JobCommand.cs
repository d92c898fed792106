using DataPlatform.Jobs.Output;

namespace DataPlatform.Jobs.Commands;

/// <summary>How a command's result is written.</summary>
internal enum OutputFormat
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>One JSON object.</summary>
    Json,
}

/// <summary>What a command may use.</summary>
/// <param name="Services">The host's services.</param>
/// <param name="Console">Where it writes.</param>
/// <param name="Shutdown">How it is stopped.</param>
/// <param name="Time">The clock.</param>
internal sealed record JobEnvironment(IServiceProvider Services, JobConsole Console, ShutdownSignals Shutdown, TimeProvider Time);
