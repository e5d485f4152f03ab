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

    /// <summary>Null when somebody else is changing the group, which may take long (copying a seed).</summary>
    public IDisposable? TryEnter(string group)
    {
        var one = _locks.GetOrAdd(group, _ => new SemaphoreSlim(1));
        return one.Wait(TimeSpan.Zero) ? new Leave(one) : null;
    }

    private sealed class Leave(SemaphoreSlim one) : IDisposable
    {
        public void Dispose() => one.Release();
    }
}
