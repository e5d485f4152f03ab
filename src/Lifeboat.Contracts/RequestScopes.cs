// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Contracts;

/// <summary>
/// Scopes of log lines: the id of the request that is being carried out (<see cref="RequestTrace.Current"/>) and the
/// trace that it belongs to. The framework's own scopes, connection and path, would stand in every line without helping
/// anybody.
/// </summary>
public sealed class RequestScopes : IExternalScopeProvider
{
    public void ForEachScope<TState>(Action<object?, TState> callback, TState state)
    {
        var (request, activity) = (RequestTrace.Current, Activity.Current);
        if (request is null && activity is null) return;
        var scope = new RequestScope(request?.Id ?? $"of trace {activity!.TraceId.ToHexString()}");
        if (request is not null) scope.Add(new("RequestId", request.Id));
        if (activity is not null) scope.Add(new("TraceId", activity.TraceId.ToHexString()));
        if (activity is not null) scope.Add(new("SpanId", activity.SpanId.ToHexString()));
        callback(scope, state);
    }

    public IDisposable Push(object? state) => Nothing.ToDo;

    // A structured log shows the pairs, a console the text: one id is enough for people.
    private sealed class RequestScope(string shown) : List<KeyValuePair<string, object>>
    {
        public override string ToString() => $"request {shown}";
    }

    private sealed class Nothing : IDisposable
    {
        public static readonly Nothing ToDo = new();

        public void Dispose()
        {
        }
    }
}
