// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// The connection between QEMU's mirror job and the gateway in the agent. Requests are handled inside the agent's
/// process, so a stopped agent answers none and a dead one ends the mirror.
/// </summary>
internal sealed class QemuMirror
{
    private const int PlacedEvery = 256;
    private static readonly TimeSpan WhileHeld = TimeSpan.FromMicroseconds(500);

    private readonly SimulatedProcess _qemu, _agent;
    private readonly ICaptureSink _sink;
    private readonly Prng _prng;
    private readonly List<TaskCompletionSource> _waiting = [];
    private readonly TaskCompletionSource<TapEnd> _end = new();
    private readonly Func<bool> _plugged;
    private bool _letGo;

    public QemuMirror(
        SimulatedProcess qemu, SimulatedProcess agent, ICaptureSink sink, Func<bool> plugged, Prng prng)
    {
        _plugged = plugged;
        (_qemu, _agent, _sink, _prng) = (qemu, agent, sink, prng);
        agent.OnExit(() => EndAfterTransit(TapEnd.MirrorFailed));
        qemu.OnExit(() => Later(_agent, () => Heard(TapEnd.InstanceGone)));
    }

    /// <summary>As QEMU sees it.</summary>
    public bool Ended { get; private set; }
    /// <summary>As the agent hears of it.</summary>
    public Task<TapEnd> End => _end.Task;
    /// <summary>Oldest request that the agent has not answered, in ticks; the watchdog's measure.</summary>
    public long? WaitingSince { get; private set; }

    public async Task SendAsync(GuestWrite write)
    {
        var done = new TaskCompletionSource();
        _waiting.Add(done);
        WaitingSince ??= _qemu.Scheduler.Now;
        Later(_agent, () => Handle(write, done));
        await done.Task;
    }

    /// <summary>The agent closes its side: nothing it answers counts any more.</summary>
    public void LetGo()
    {
        if (_letGo) return;
        _letGo = true;
        Heard(TapEnd.LetGo);
        EndAfterTransit(TapEnd.LetGo);
    }

    /// <summary>
    /// The mirror fails for a reason of its own (a save, a yank, an error): the guest goes on before the agent hears.
    /// </summary>
    public void Fail(TimeSpan untilHeard)
    {
        if (Ended) return;
        Finish();
        _ = new SimulatedTimer(_agent, _ => Heard(TapEnd.MirrorFailed), null, untilHeard, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Its disk was taken out: the job goes on until the agent has looked.</summary>
    public void Unplug(TimeSpan untilSeen)
    {
        if (Ended) return;
        _ = new SimulatedTimer(_agent, _ =>
        {
            if (Ended || _end.Task.IsCompleted || _plugged()) return;
            Unplugged = true;
            _end.TrySetResult(TapEnd.Unplugged);
        }, null, untilSeen, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The agent has seen its disk gone while it was intact.</summary>
    public bool Unplugged { get; private set; }

    /// <summary>The agent is about to end it in order: what is not captured yet will not be.</summary>
    public void Close() => _sink.Lost();

    /// <summary>Called inside a drained section: an orderly end.</summary>
    public void Cancel()
    {
        Finish();
        Later(_agent, () => Heard(TapEnd.Detached));
    }

    private void Handle(GuestWrite write, TaskCompletionSource done)
    {
        if (_letGo || Ended) return;
        // A thread of the gateway would wait in there, and this world has one thread.
        if (_sink is VolumeSink { WouldWait: true })
        {
            _ = new SimulatedTimer(_agent, _ => Handle(write, done), null, WhileHeld, Timeout.InfiniteTimeSpan);
            return;
        }
        var offset = (long)write.Sector * GuestWrite.SectorBytes;
        var length = write.Count * GuestWrite.SectorBytes;
        bool taken;
        if (write.Zero)
        {
            taken = _sink.Zero(offset, length);
        }
        else
        {
            Span<byte> data = stackalloc byte[length];
            for (var i = 0; i < write.Count; i++)
                System.Runtime.InteropServices.MemoryMarshal
                    .Cast<byte, long>(data.Slice(i * GuestWrite.SectorBytes, GuestWrite.SectorBytes))
                    .Fill(write.StampAt(write.Sector + i));
            taken = write.Id % PlacedEvery == 0 ? WritePlaced(offset, data) : _sink.Write(offset, data);
        }
        _qemu.Scheduler.Note(taken ? 11 : 12, write.Id, write.Sector);
        if (!taken)
        {
            _sink.Lost();
            EndAfterTransit(TapEnd.MirrorFailed);
            return;
        }
        Later(_qemu, () =>
        {
            if (Ended) return;
            _waiting.Remove(done);
            if (_waiting.Count == 0) WaitingSince = null;
            else WaitingSince = _qemu.Scheduler.Now;
            done.TrySetResult();
        });
    }

    // As the gateway receives long writes; here any may come so. Rarely: a short one fills a piece of the outbox alone.
    private bool WritePlaced(long offset, ReadOnlySpan<byte> data)
    {
        var place = _sink.Place(data.Length);
        data.CopyTo(place.Span);
        return _sink.WritePlaced(offset, place);
    }

    private void EndAfterTransit(TapEnd end) => Later(_qemu, () =>
    {
        if (Ended) return;
        Finish();
        Later(_agent, () => Heard(end));
    });

    // A job that failed before its instance ended is a failed mirror, however late the agent hears of it.
    private void Heard(TapEnd end)
    {
        _sink.Lost();
        _end.TrySetResult(end == TapEnd.InstanceGone && Ended ? TapEnd.MirrorFailed : end);
    }

    private void Finish()
    {
        Ended = true;
        WaitingSince = null;
        foreach (var waiting in _waiting) waiting.TrySetResult();
        _waiting.Clear();
    }

    private void Later(SimulatedProcess process, Action action) => _ = new SimulatedTimer(process,
        static a => ((Action)a!)(), action, TimeSpan.FromMicroseconds(_prng.Next(5, 60)), Timeout.InfiniteTimeSpan);
}
