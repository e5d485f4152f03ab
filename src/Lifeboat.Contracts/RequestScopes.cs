// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace Lifeboat.Contracts;

/// <summary>
/// Scopes of log lines: the id of the request that is being carried out (<see cref="RequestTrace.Current"/>), and
/// nothing else. The framework's own scopes, connection and path, would stand in every line without helping anybody.
/// </summary>
public sealed class RequestScopes : IExternalScopeProvider
{
    public void ForEachScope<TState>(Action<object?, TState> callback, TState state)
    {
        if (RequestTrace.Current is { } trace) callback(new RequestScope(trace.Id), state);
    }

    public IDisposable Push(object? state) => Nothing.ToDo;

    // A structured log shows the pair, a console the text.
    private sealed class RequestScope(string id) : List<KeyValuePair<string, object>>([new("RequestId", id)])
    {
        public override string ToString() => $"request {id}";
    }

    private sealed class Nothing : IDisposable
    {
        public static readonly Nothing ToDo = new();

        public void Dispose()
        {
        }
    }
}
