// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

// Frozen for a quiesced point: nothing new is written, and what was under way is on the disks.
public sealed partial class SimulatedInstance
{
    private readonly List<(long From, long Until)> _frozen = [];
    private TaskCompletionSource? _thawed;

    /// <summary>No write is begun; those in flight may still be on their way.</summary>
    public bool Freezing => _thawed is not null;
    /// <summary>Since when nothing was in flight any more, in ticks; null: it is not frozen.</summary>
    public long? FrozenSince => _frozen is [.., (var from, long.MaxValue)] ? from : null;

    public void BeginFreeze() => _thawed ??= new TaskCompletionSource();

    /// <summary>All that was in flight is answered: from now on its file systems are at rest.</summary>
    public void IsAtRest() => _frozen.Add((Process!.Scheduler.Now, long.MaxValue));

    /// <returns>False: it was not frozen.</returns>
    public bool Thaw()
    {
        var was = FrozenSince is not null;
        EndFreeze();
        var thawed = _thawed;
        _thawed = null;
        if (Running) thawed?.TrySetResult();
        return was;
    }

    public bool WasFrozenAt(long moment) => _frozen.Exists(f => f.From <= moment && moment <= f.Until);

    /// <summary>Completes when guests may write.</summary>
    public Task UntilThawedAsync() => _thawed?.Task ?? Task.CompletedTask;

    // What ends QEMU ends the freeze, and a guest boots thawed.
    private void ThawBoot()
    {
        EndFreeze();
        _thawed = null;
    }

    private void EndFreeze()
    {
        if (FrozenSince is { } from) _frozen[^1] = (from, Process!.Scheduler.Now);
    }
}
