// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Controller.Storage;

namespace Lifeboat.Controller.Sides;

/// <summary>One change of a group at a time at this site, by whichever of its controllers.</summary>
internal sealed class GroupLocks(ControllerDatabase database)
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _locks = new();

    /// <exception cref="Contracts.ProblemException">DatabaseUnavailable.</exception>
    public async Task<IDisposable> EnterAsync(string group, CancellationToken ct)
    {
        var one = _locks.GetOrAdd(group, _ => new SemaphoreSlim(1));
        await one.WaitAsync(ct);
        try
        {
            return new Leave(one, await database.LockAsync(group, ct));
        }
        catch
        {
            one.Release();
            throw;
        }
    }

    /// <summary>Null when somebody else is changing the group, which may take long (copying a seed).</summary>
    public IDisposable? TryEnter(string group)
    {
        var one = _locks.GetOrAdd(group, _ => new SemaphoreSlim(1));
        if (!one.Wait(TimeSpan.Zero)) return null;
        try
        {
            if (database.TryLock(group, out var everywhere)) return new Leave(one, everywhere);
        }
        catch
        {
            one.Release();
            throw;
        }
        one.Release();
        return null;
    }

    private sealed class Leave(SemaphoreSlim one, IDisposable? everywhere) : IDisposable
    {
        public void Dispose()
        {
            everywhere?.Dispose();
            one.Release();
        }
    }
}
