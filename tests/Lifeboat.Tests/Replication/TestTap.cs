// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Tests.Replication;

/// <summary>
/// A disk in memory with a guest that the test plays. The disk and its change maps outlive the agent.
/// </summary>
internal sealed class TestTap(byte[] disk, int granularity = 4096) : IDiskTap
{
    private readonly List<Map> _maps = [];
    private int _reading;
    private TaskCompletionSource<TapEnd> _end = new();
    private ICaptureSink? _sink;
    private Guid _replica;

    public byte[] Disk => disk;
    public bool InstanceRuns { get; set; } = true;
    /// <summary>The mirror has failed inside the instance, and the agent has not heard of it yet.</summary>
    public bool SilentlyBroken { get; set; }
    /// <summary>What happens between the question whether the mirror lives and the look at it.</summary>
    public Func<Task>? BeforeLook { get; set; }
    public int Attaches { get; private set; }
    public int Forgets { get; private set; }
    /// <summary>So many times the next gaps cannot be forgotten.</summary>
    public int ForgetsToFail { get; set; }
    public int Rotations { get; private set; }
    public bool Uninstalled { get; private set; }
    public long BytesRead { get; private set; }
    public int ReadsAtOnce { get; set; }
    public bool Mirroring => _sink is not null && !_end.Task.IsCompleted;
    public long SizeBytes => disk.Length;
    public Task<TapEnd> Ended => _end.Task;

    /// <summary>What a guest write does. It always succeeds for the guest.</summary>
    public void GuestWrite(int offset, ReadOnlySpan<byte> data)
    {
        data.CopyTo(disk.AsSpan(offset));
        for (var at = offset / granularity; at <= (offset + data.Length - 1) / granularity; at++)
            foreach (var map in _maps)
                if (map.Enabled) map.Dirty.Add(at);
        if (!Mirroring || SilentlyBroken) return;
        if (!_sink!.Write(offset, data)) End(TapEnd.MirrorFailed);
    }

    public void End(TapEnd end)
    {
        if (!Mirroring) return;
        _sink!.Lost();
        _sink = null;
        _end.TrySetResult(end);
    }

    /// <summary>The instance ends and loses its change maps; a new one runs on the same disk.</summary>
    public void Restart()
    {
        End(TapEnd.InstanceGone);
        _maps.Clear();
    }

    public Task<bool> InstanceAnswersAsync(CancellationToken ct) => Task.FromResult(InstanceRuns);

    /// <summary>Taken out while the mirror was intact: the sink is not told.</summary>
    public void Unplug()
    {
        Presence = DiskPresence.Unplugged;
        _end.TrySetResult(TapEnd.Unplugged);
    }

    /// <summary>What the tap says of the disk in its instance.</summary>
    public DiskPresence Presence { get; set; } = DiskPresence.Plugged;
    public Task<DiskPresence> PresenceAsync(CancellationToken ct) => Task.FromResult(Presence);

    public Task<GapMap> AttachAsync(ICaptureSink sink, Guid replica, CancellationToken ct)
    {
        Need();
        if (Presence != DiskPresence.Plugged) throw new TapException(TapFault.DiskNotFound, "no such disk");
        LetGo();
        Attaches++;
        SilentlyBroken = false;
        (_sink, _end, _replica) = (sink, new TaskCompletionSource<TapEnd>(), replica);
        _maps.RemoveAll(m => m.Replica != replica);
        var whole = _maps.Count == 0 || _maps.Exists(m => m.Whole);
        foreach (var map in _maps) map.Enabled = false;
        if (_maps.Count == 0) _maps.Add(new Map(replica) { Whole = true, Enabled = false });
        _maps.Add(new Map(replica));
        return Task.FromResult(whole ? new GapMap(GapKind.Allocation, null, null, Stored())
            : new GapMap(GapKind.Known, "map", _maps.Sum(m => m.Enabled ? 0L : m.Dirty.Count * granularity), Stored()));
    }

    private long Stored() => disk.Chunk(granularity).Count(c => c.AsSpan().ContainsAnyExcept((byte)0)) * granularity;

    public Task<IReadOnlyList<GapExtent>> GapAsync(GapMap map, long offset, long length, CancellationToken ct)
    {
        Need();
        var extents = new List<GapExtent>();
        for (var at = offset; at < offset + length; at += granularity)
        {
            var size = Math.Min(granularity, offset + length - at);
            var zero = !disk.AsSpan((int)at, (int)size).ContainsAnyExcept((byte)0);
            var dirty = _maps.Exists(m => !m.Enabled && m.Dirty.Contains((int)(at / granularity)));
            if (map.Kind == GapKind.Known ? dirty : !zero) extents.Add(new GapExtent(at, size, zero));
        }
        return Task.FromResult<IReadOnlyList<GapExtent>>(extents);
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        Need();
        ReadsAtOnce = Math.Max(ReadsAtOnce, ++_reading);
        await Task.Yield();
        _reading--;
        disk.AsMemory((int)offset, buffer.Length).CopyTo(buffer);
        BytesRead += buffer.Length;
    }

    public Task ForgetGapAsync(CancellationToken ct)
    {
        Need();
        if (ForgetsToFail-- > 0) throw new TapException(TapFault.Refused, "the monitor is busy");
        Forgets++;
        _maps.RemoveAll(m => !m.Enabled);
        return Task.CompletedTask;
    }

    public async Task RotateAsync(Func<CancellationToken, Task> untilDurable, CancellationToken ct)
    {
        Need();
        var old = _maps.ToArray();
        foreach (var map in old) map.Enabled = false;
        _maps.Add(new Map(_replica));
        await untilDurable(ct);
        _maps.RemoveAll(old.Contains);
        Rotations++;
    }

    public async Task<bool> StillMirroringAsync(CancellationToken ct)
    {
        Need();
        if (BeforeLook is { } before) await before();
        return Mirroring && !SilentlyBroken;
    }

    public Task DetachAsync(CancellationToken ct)
    {
        End(TapEnd.Detached);
        return Task.CompletedTask;
    }

    public void LetGo() => End(TapEnd.LetGo);

    public Task UninstallAsync(CancellationToken ct)
    {
        End(TapEnd.Detached);
        _maps.Clear();
        Uninstalled = true;
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Need()
    {
        if (!InstanceRuns) throw new TapException(TapFault.InstanceGone, "the instance does not run");
    }

    private sealed class Map(Guid replica)
    {
        public Guid Replica => replica;
        public bool Whole { get; init; }
        public bool Enabled { get; set; } = true;
        public HashSet<int> Dirty { get; } = [];
    }
}
