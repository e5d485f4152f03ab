// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments;

namespace Lifeboat.Tests.Replication;

/// <summary>Disks in memory that are read in moments. Their change maps outlive the agent, images do not.</summary>
internal sealed class TestMomentTap(byte[][] disks, TimeProvider time) : IMomentTap
{
    private const int Granularity = 4096;
    private readonly List<HashSet<int>[]> _frozen = [];
    private HashSet<int>[] _recording = [];
    private Guid _replica;
    private bool _whole = true;

    public byte[][] Disks => disks;
    public bool InstanceRuns { get; set; } = true;
    public int GuestWrites { get; private set; }
    /// <summary>Its disks can be read while the instance is shut down.</summary>
    public bool ReadsAtRest { get; set; }
    /// <summary>So many moments lose their images at the first read.</summary>
    public int BreakNext { get; set; }
    public List<(DateTimeOffset At, byte[][] Content)> Taken { get; } = [];
    public int Forgets { get; private set; }
    public int Open { get; private set; }
    public bool Uninstalled { get; private set; }

    public void GuestWrite(int volume, int offset, ReadOnlySpan<byte> data)
    {
        data.CopyTo(disks[volume].AsSpan(offset));
        GuestWrites++;
        if (_recording.Length == 0) return;
        for (var at = offset / Granularity; at <= (offset + data.Length - 1) / Granularity; at++)
            _recording[volume].Add(at);
    }

    /// <summary>The instance ends and loses its change maps; a new one runs on the same disks.</summary>
    public void Restart()
    {
        _recording = [];
        _whole = true;
        _frozen.Clear();
    }

    public Task<IMoment> TakeAsync(Guid replica, CancellationToken ct)
    {
        Need();
        Open = 0;
        if (replica != _replica) Restart();
        _replica = replica;
        if (_recording.Length > 0) _frozen.Add(_recording);
        _recording = [.. disks.Select(_ => new HashSet<int>())];
        Open++;
        var moment = new Moment(this, time.GetUtcNow(), [.. disks.Select(d => d.ToArray())], BreakNext-- > 0);
        Taken.Add((moment.At, moment.Content));
        return Task.FromResult<IMoment>(moment);
    }

    public Task<string?> RestMarkAsync(CancellationToken ct) =>
        Task.FromResult(InstanceRuns ? null : $"{GuestWrites} writes");

    public void LetGo() => Open = 0;

    public Task DetachAsync(CancellationToken ct)
    {
        Open = 0;
        return Task.CompletedTask;
    }

    public Task UninstallAsync(CancellationToken ct)
    {
        Restart();
        Uninstalled = true;
        return DetachAsync(ct);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Need()
    {
        if (!InstanceRuns && !ReadsAtRest) throw new TapException(TapFault.InstanceGone, "the instance does not run");
    }

    private sealed class Moment(TestMomentTap tap, DateTimeOffset at, byte[][] content, bool breaks) : IMoment
    {
        public DateTimeOffset At => at;
        public byte[][] Content => content;

        public IReadOnlyList<MomentVolume> Volumes => [.. content.Select((c, i) => new MomentVolume((ushort)i, c.Length,
            tap._whole ? new GapMap(GapKind.Allocation, null) : new GapMap(GapKind.Known, "maps"),
            new Image(tap, i, c, breaks)))];

        public Task CloseAsync(CancellationToken ct) => tap.DetachAsync(ct);

        public Task ForgetAsync(CancellationToken ct)
        {
            tap.Need();
            tap.Forgets++;
            tap._whole = false;
            tap._frozen.Clear();
            return Task.CompletedTask;
        }
    }

    private sealed class Image(TestMomentTap tap, int volume, byte[] content, bool broken) : IGapReader
    {
        public Task<IReadOnlyList<GapExtent>> GapAsync(GapMap map, long offset, long length, CancellationToken ct)
        {
            Need();
            var extents = new List<GapExtent>();
            for (var at = offset; at < offset + length; at += Granularity)
            {
                var size = Math.Min(Granularity, offset + length - at);
                var zero = !content.AsSpan((int)at, (int)size).ContainsAnyExcept((byte)0);
                var dirty = tap._frozen.Exists(m => m[volume].Contains((int)(at / Granularity)));
                if (map.Kind == GapKind.Known ? dirty : !zero) extents.Add(new GapExtent(at, size, zero));
            }
            return Task.FromResult<IReadOnlyList<GapExtent>>(extents);
        }

        public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            await Task.Yield();
            Need();
            if (broken) throw new TapException(TapFault.Refused, "the image broke");
            content.AsMemory((int)offset, buffer.Length).CopyTo(buffer);
        }

        private void Need()
        {
            if (tap.Open == 0) throw new TapException(TapFault.Refused, "the moment was let go of");
        }
    }
}
