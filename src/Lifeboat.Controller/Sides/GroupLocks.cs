// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;

namespace Lifeboat.Controller.Sides;

/// <summary>One change of a group at a time at this site.</summary>
internal sealed class GroupLocks
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _locks = new();

    public async Task<IDisposable> EnterAsync(string group, CancellationToken ct)
    {
        var one = _locks.GetOrAdd(group, _ => new SemaphoreSlim(1));
        await one.WaitAsync(ct);
        return new Leave(one);
    }

    private sealed class Leave(SemaphoreSlim one) : IDisposable
    {
        public void Dispose() => one.Release();
    }
}
