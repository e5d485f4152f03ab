// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace Lifeboat.Tests.Replication;

/// <summary>Keeps what was logged, to be shown when a test fails.</summary>
internal sealed class ListLogger<T> : ILogger<T>
{
    private readonly List<string> _lines = [];

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        lock (_lines) _lines.Add(formatter(state, exception));
    }

    public override string ToString()
    {
        lock (_lines) return string.Join('\n', _lines);
    }
}
