// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Moments.Snapshots;

// Life of a moment, of each volume:
//
//   base R-4 ──► TAKE R-5-open, of all volumes at once ──► difference R-4..R-5-open, read from R-5-open
//     ▲                                                         │ given up: R-5-open stays, the next is
//     │                                                         │ R-4..R-5-open..R-6-open, read from R-6-open
//     └── all others removed ◄── renamed to R-5 ◄── FORGET ◄────┘ durable at the recovery site
//
// Invariants
//   A snapshot without `-open` is of a moment that replica R has, or a later one that it has too: so a volume may begin
//   with the newest of them whatever the others begin with, and a forget that was cut off anywhere is harmless.
//   What was read of a moment may be in the stream, so no later difference may lack it: something that was not there in
//   the base, was written before the moment and discarded after it is in neither difference to the base. That is why
//   a moment that was given up stays between its neighbours, unless this tap knows that nobody read of it.
//   The old base goes only after the new one has its name.
/// <summary>Moments of disks whose storage makes snapshots: what changed is the difference of two.</summary>
/// <param name="disks">Disposed of with the tap.</param>
public sealed class SnapshotMomentTap(IDiskSnapshots disks) : IMomentTap
{
    /// <summary>So many moments that were given up one after the other; then all is compared instead.</summary>
    internal const int OpenMax = 8;

    private readonly List<SnapshotReader> _readers = [];
    private CancellationTokenSource _reading = new();
    private SnapshotName? _unread;

    private IDiskSnapshots Disks => disks;

    public async Task<IMoment> TakeAsync(Guid replica, CancellationToken ct)
    {
        await EndReadingAsync();
        var key = SnapshotName.KeyOf(replica);
        var highest = 0L;
        var chains = new Dictionary<ushort, IReadOnlyList<string>>();
        foreach (var volume in disks.Volumes)
        {
            var ours = await OursAsync(volume, ct);
            highest = ours.Select(s => s.Number).Append(highest).Max();
            chains.Add(volume, await ChainAsync(volume, key, ours, ct));
        }
        var name = new SnapshotName(key, highest + 1, Open: true);
        _unread = name;
        var at = await disks.TakeAsync(name.ToString(), ct);
        var volumes = new List<MomentVolume>();
        foreach (var volume in disks.Volumes)
        {
            var image = await disks.OpenAsync(volume, name.ToString(), ct);
            var reader = new SnapshotReader(disks, volume, [.. chains[volume], name.ToString()], image, NoteRead,
                _reading.Token);
            _readers.Add(reader);
            volumes.Add(new MomentVolume(volume, image.SizeBytes, reader.Changes, reader));
        }
        return new Moment(this, at, volumes, name);
    }

    public Task<string?> RestMarkAsync(CancellationToken ct) => disks.RestMarkAsync(ct);

    public void LetGo() => _reading.Cancel();

    // The snapshots are what the next difference is made of.
    public Task DetachAsync(CancellationToken ct) => EndReadingAsync();

    public async Task UninstallAsync(CancellationToken ct)
    {
        await EndReadingAsync();
        await RemoveAsync(_ => true, ct);
    }

    public async ValueTask DisposeAsync()
    {
        await EndReadingAsync();
        _reading.Dispose();
        await disks.DisposeAsync();
    }

    /// <returns>The base and what was given up since, oldest first; none: nobody knows what changed.</returns>
    private async Task<IReadOnlyList<string>> ChainAsync(
        ushort volume, string key, List<SnapshotName> ours, CancellationToken ct)
    {
        var chain = ours.Where(s => s.Replica == key && s != _unread).OrderBy(s => s.Number).ToList();
        var from = chain.FindLastIndex(s => !s.Open);
        chain = from < 0 || chain.Count - from > OpenMax ? [] : chain[from..];
        // Those of other replicas are of no use to anybody: there is one source of a disk, and it ships to this one.
        foreach (var left in ours.Except(chain)) await disks.RemoveAsync(volume, left.ToString(), ct);
        return [.. chain.Select(s => s.ToString())];
    }

    private void NoteRead() => _unread = null;

    private async Task RemoveAsync(Func<SnapshotName, bool> which, CancellationToken ct)
    {
        foreach (var volume in disks.Volumes)
            foreach (var ours in (await OursAsync(volume, ct)).Where(which))
                await disks.RemoveAsync(volume, ours.ToString(), ct);
    }

    private async Task<List<SnapshotName>> OursAsync(ushort volume, CancellationToken ct)
    {
        var ours = new List<SnapshotName>();
        foreach (var name in await disks.ListAsync(volume, ct))
            if (SnapshotName.TryRead(name) is { } read) ours.Add(read);
        return ours;
    }

    private async Task EndReadingAsync()
    {
        await _reading.CancelAsync();
        foreach (var reader in _readers) await reader.DisposeAsync();
        _readers.Clear();
        _reading.Dispose();
        _reading = new CancellationTokenSource();
    }

    private sealed class Moment(SnapshotMomentTap tap, DateTimeOffset at, IReadOnlyList<MomentVolume> volumes,
        SnapshotName name) : IMoment
    {
        public DateTimeOffset At => at;
        public IReadOnlyList<MomentVolume> Volumes => volumes;

        public Task CloseAsync(CancellationToken ct) => tap.EndReadingAsync();

        public async Task ForgetAsync(CancellationToken ct)
        {
            var kept = name with { Open = false };
            foreach (var volume in volumes)
            {
                var ours = await tap.OursAsync(volume.Index, ct);
                // A forget that failed is asked for again.
                if (!ours.Contains(kept)) await tap.Disks.RenameAsync(volume.Index, $"{name}", $"{kept}", ct);
            }
            await tap.RemoveAsync(s => s != kept, ct);
        }
    }
}
