// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Testing.Storage;

public enum DiskVerb { Open, Delete, Rename, Sync, Read, Write, Zero, SetLength, Flush }

public readonly record struct DiskOperation(DiskVerb Verb, string File, long Offset, long Length)
{
    public bool Changes => Verb is not DiskVerb.Read;
}

/// <summary>
/// The file system of one simulated host, deterministic from its generator. Writes land in a page cache; a flush makes
/// a file's bytes durable, a sync a folder's entries; <see cref="Crash"/> keeps, loses or tears what was in between.
/// Storages and replica stores of one host share one disk, so that they crash together.
/// </summary>
public sealed class SimulatedDisk(Prng prng, TimeProvider? time = null)
{
    private readonly Dictionary<string, SimulatedFolder> _folders = new(StringComparer.Ordinal);
    private const double CachedShare = 0.8;
    private long _changesLeft = long.MaxValue;

    /// <summary>Bytes the host has; writes beyond it fail as full, part of them done.</summary>
    public long CapacityBytes { get; set; } = long.MaxValue;
    /// <summary>Asked before each operation: what it fails with, or null.</summary>
    public Func<DiskOperation, StorageFault?> Faults { get; set; } = _ => null;
    /// <summary>Each operation takes a random time up to this on the clock of whoever asks, but most reads find what
    /// they want in the page cache; zero: at once.</summary>
    public TimeSpan DelayMax { get; set; }
    /// <summary>Operations that change something, since the beginning: where a test can crash.</summary>
    public long Changes { get; private set; }
    public long AllocatedBytes => _folders.Values.SelectMany(f => f.Inodes).Sum(i => i.Cache.AllocatedBytes);

    internal int Generation { get; private set; }
    internal Prng Prng => prng;

    /// <summary>Told after each change that was carried out: folder, verb, file.</summary>
    public Action<string, DiskVerb, string> Changed { get; set; } = static (_, _, _) => { };
    /// <summary>
    /// Calls that do nothing and say that they did: a program from which that call was deleted, or a medium that lies.
    /// </summary>
    public Func<DiskVerb, string, string, bool> LeavesOut { get; set; } = static (_, _, _) => false;

    /// <summary>A cache that lies: it says that it flushed and synced, and did neither.</summary>
    public bool Lies { get; set; }
    /// <summary>
    /// Where in its file a write ends up, of one that a drive puts elsewhere: asked with folder, file, offset, bytes
    /// and the file's length. Null: every write goes where it should.
    /// </summary>
    public Func<string, string, long, int, long, long>? Misdirects { get; set; }

    /// <summary>Number of the newest change.</summary>
    internal long Order { get; private set; }

    internal SimulatedFolder Folder(string name)
    {
        if (!_folders.TryGetValue(name, out var folder)) _folders[name] = folder = new SimulatedFolder();
        return folder;
    }

    /// <summary>From now on this many changes succeed; then every operation fails until <see cref="Crash"/>.</summary>
    public void CrashAfter(long changes) => _changesLeft = changes;

    /// <summary>The host loses power and comes back: open files are dead, the unflushed is anybody's guess.</summary>
    public void Crash() => Crash(CrashStyle.Random);

    public void Crash(CrashStyle style)
    {
        KillProcesses();
        var last = style switch
        {
            CrashStyle.Prefix => prng.Pick([.. Pending().Prepend(0).Order()]),
            CrashStyle.TearLast => Pending().DefaultIfEmpty(0).Max(),
            CrashStyle.Random or CrashStyle.KeepAll or CrashStyle.LoseAll or CrashStyle.TearAll
                or CrashStyle.NamesFirst => 0,
        };
        foreach (var name in _folders.Keys.Order(StringComparer.Ordinal)) _folders[name].Crash(prng, style, last);
    }

    /// <summary>
    /// The same disk once more, of these folders only: what happens to one is not seen by the other. It has all the
    /// room, answers at once and fails nothing.
    /// </summary>
    public SimulatedDisk Fork(Prng dice, IEnumerable<string> folders)
    {
        var fork = new SimulatedDisk(dice) { Order = Order, LeavesOut = LeavesOut };
        foreach (var name in folders)
            if (_folders.TryGetValue(name, out var folder)) fork._folders[name] = folder.Fork();
        return fork;
    }

    /// <summary>The folders of another disk take the place of those here; files that are open are dead.</summary>
    public void PutBack(SimulatedDisk copy)
    {
        KillProcesses();
        foreach (var (name, folder) in copy._folders) _folders[name] = folder.Fork();
    }

    /// <summary>Turns over bits of a byte on the medium, as it decays. False: there is no such byte.</summary>
    public bool Flip(string folder, string file, long offset, byte mask)
    {
        if (Folder(folder).Find(file) is not { } inode || offset >= inode.Cache.Length) return false;
        inode.Flip(offset, mask);
        return true;
    }

    /// <summary>A page of a file cannot be read until it is written whole. False: there is no such byte.</summary>
    public bool Spoil(string folder, string file, long offset)
    {
        if (Folder(folder).Find(file) is not { } inode || offset >= inode.Cache.Length) return false;
        inode.Spoil(offset);
        return true;
    }

    /// <summary>Files of a folder with their lengths, as readers see them.</summary>
    public IReadOnlyList<(string Name, long Length)> Files(string folder) =>
        [.. Folder(folder).Names.Select(n => (n, Folder(folder).Find(n)!.Cache.Length))];

    /// <summary>The processes die, the host lives: open files are dead, every write made stays.</summary>
    public void KillProcesses()
    {
        Generation++;
        _changesLeft = long.MaxValue;
    }

    internal ValueTask EnterAsync(DiskOperation operation, int generation, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (DelayOf(operation) is var delay && delay > TimeSpan.Zero)
            return EnterLaterAsync(delay, operation, generation);
        Enter(operation, generation);
        return ValueTask.CompletedTask;
    }

    // Nobody can call back an operation that is under way; the process that asked can die of old age.
    private async ValueTask EnterLaterAsync(TimeSpan delay, DiskOperation operation, int generation)
    {
        if (SynchronizationContext.Current is SimulatedProcess caller) await caller.Clock.DelayAsync(delay);
        else await Task.Delay(delay, time!, CancellationToken.None);
        Enter(operation, generation);
    }

    // Whole milliseconds: many operations take no time at all, as most reads do, from the page cache.
    private TimeSpan DelayOf(DiskOperation operation)
    {
        if (time is null || DelayMax == TimeSpan.Zero) return TimeSpan.Zero;
        if (operation.Verb is DiskVerb.Read or DiskVerb.Open && prng.Chance(CachedShare)) return TimeSpan.Zero;
        return TimeSpan.FromMilliseconds(prng.Next(DelayMax.Ticks / TimeSpan.TicksPerMillisecond + 1));
    }

    private void Enter(DiskOperation operation, int generation)
    {
        if (generation != Generation) throw new StorageException(StorageFault.Io, "the simulated host crashed");
        if (operation.Changes)
        {
            if (_changesLeft <= 0) throw new StorageException(StorageFault.Io, "the simulated host is down");
            _changesLeft--;
            Changes++;
        }
        if (Faults(operation) is { } fault)
            throw new StorageException(fault, $"injected: {operation.Verb} of {operation.File}");
    }

    internal long NextOrder() => ++Order;

    internal void Did(string folder, DiskVerb verb, string file) => Changed(folder, verb, file);

    private IEnumerable<long> Pending() => _folders.Values.SelectMany(f => f.PendingOrders);

    internal bool HasRoomFor(long bytes) =>
        CapacityBytes == long.MaxValue || AllocatedBytes + bytes <= CapacityBytes;
}
