using Microsoft.Extensions.Logging;

namespace DataPlatform.Testing;

/// <summary>Keeps what is logged.</summary>
public sealed class LogLines : ILogger
{
    /// <summary>The level, the event's name and the text of each line.</summary>
    public List<(LogLevel Level, string? Event, string Message)> All { get; } = [];

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        ArgumentNullException.ThrowIfNull(formatter);
        lock (All) All.Add((logLevel, eventId.Name, formatter(state, exception)));
    }
}
