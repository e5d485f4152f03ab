// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments.Snapshots;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// A storage that keeps snapshots beside the disks. A difference names the blocks of 4 KiB whose content differs, and
/// not one more: what was written and put back between two snapshots is in none.
/// </summary>
/// <param name="step">Awaited before and behind whatever a call does; it may throw, as a call that was cut off.</param>
/// <param name="atOnce">Runs it while no write is in flight on any disk.</param>
public sealed class SimulatedDiskSnapshots(IReadOnlyList<GuestDisk> disks, Func<CancellationToken, Task> step,
    Func<Action, CancellationToken, Task> atOnce, TimeProvider time) : IDiskSnapshots
{
    private const int BlockSectors = 8;
    private const int BlockBytes = BlockSectors * GuestWrite.SectorBytes;

    /// <summary>Told of a difference that is read: its bytes, or null when all of the disk is.</summary>
    public Action<GuestDisk, long?> Listed { get; init; } = static (_, _) => { };

    public IReadOnlyList<ushort> Volumes { get; } = [.. disks.Select(d => (ushort)d.Index)];

    /// <summary>Null: instances are never all shut down.</summary>
    public Func<string?> Rest { get; init; } = static () => null;

    public Task<string?> RestMarkAsync(CancellationToken ct) => Task.FromResult(Rest());

    public async Task<IReadOnlyList<string>> ListAsync(ushort volume, CancellationToken ct)
    {
        await step(ct);
        return [.. disks[volume].Snapshots.Keys];
    }

    public async Task<DateTimeOffset> TakeAsync(string name, CancellationToken ct)
    {
        await step(ct);
        var at = time.GetUtcNow();
        await atOnce(() =>
        {
            at = time.GetUtcNow();
            foreach (var disk in disks)
                if (!disk.Snapshots.TryAdd(name, disk.Snapshot()))
                    throw new TapException(TapFault.Refused, $"{disk.Name} has a snapshot {name}");
        }, ct);
        await step(ct);
        return at;
    }

    public async Task RenameAsync(ushort volume, string from, string to, CancellationToken ct)
    {
        await step(ct);
        var snapshots = disks[volume].Snapshots;
        if (snapshots.ContainsKey(to)) throw new TapException(TapFault.Refused, $"there is a snapshot {to}");
        snapshots.Add(to, Find(volume, from));
        snapshots.Remove(from);
        await step(ct);
    }

    public async Task RemoveAsync(ushort volume, string name, CancellationToken ct)
    {
        await step(ct);
        disks[volume].Snapshots.Remove(name);
        await step(ct);
    }

    public async Task<IReadOnlyList<GapExtent>> DiffAsync(
        ushort volume, string? from, string to, CancellationToken ct)
    {
        await step(ct);
        var newer = Find(volume, to);
        long[] older = from is null ? [] : Find(volume, from);
        var extents = new List<GapExtent>();
        for (var first = 0; first < newer.Length; first += BlockSectors)
        {
            var end = Math.Min(first + BlockSectors, newer.Length);
            var now = newer.AsSpan(first..end);
            var before = new long[end - first];
            if (first < older.Length) older.AsSpan(first..Math.Min(end, older.Length)).CopyTo(before);
            if (now.SequenceEqual(before)) continue;
            extents.Add(new GapExtent((long)first * GuestWrite.SectorBytes,
                (long)(end - first) * GuestWrite.SectorBytes, !now.ContainsAnyExcept(0L)));
        }
        Listed(disks[volume], from is null ? null : (long)extents.Count * BlockBytes);
        return extents;
    }

    public async Task<ISnapshotImage> OpenAsync(ushort volume, string name, CancellationToken ct)
    {
        await step(ct);
        return new Image(Find(volume, name), step);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private long[] Find(ushort volume, string name) => disks[volume].Snapshots.GetValueOrDefault(name)
        ?? throw new TapException(TapFault.DiskNotFound, $"{disks[volume].Name} has no snapshot {name}");

    private sealed class Image(long[] stamps, Func<CancellationToken, Task> step) : ISnapshotImage
    {
        public long SizeBytes => (long)stamps.Length * GuestWrite.SectorBytes;

        public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            await step(ct);
            var first = (int)(offset / GuestWrite.SectorBytes);
            for (var i = 0; i * GuestWrite.SectorBytes < buffer.Length; i++)
                MemoryMarshal.Cast<byte, long>(
                    buffer.Span.Slice(i * GuestWrite.SectorBytes, GuestWrite.SectorBytes)).Fill(stamps[first + i]);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
