// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Replication.Resync;

/// <summary>What the present or last sync did, over all its volumes. Written by one loop, read by any.</summary>
internal sealed class SyncCounters(SyncKind kind)
{
    private long _moved, _examined, _digests, _done, _total;
    private int _kind = (int)kind;

    public SyncKind Kind => (SyncKind)Volatile.Read(ref _kind);
    /// <summary>Payload bytes put into the stream.</summary>
    public long Moved => Volatile.Read(ref _moved);
    /// <summary>Bytes read from the disks.</summary>
    public long Examined => Volatile.Read(ref _examined);
    /// <summary>Bytes of requests for digests and their answers.</summary>
    public long Digests => Volatile.Read(ref _digests);
    /// <summary>0 to 1, by how much of the volumes the pull has passed.</summary>
    public double Progress => Volatile.Read(ref _total) is > 0 and var total
        ? Math.Min(1, (double)Volatile.Read(ref _done) / total)
        : 0;

    public void AddMoved(long bytes) => Interlocked.Add(ref _moved, bytes);
    public void AddExamined(long bytes) => Interlocked.Add(ref _examined, bytes);
    public void AddDigests(long bytes) => Interlocked.Add(ref _digests, bytes);
    public void AddTotal(long bytes) => Interlocked.Add(ref _total, bytes);
    public void AddDone(long bytes) => Interlocked.Add(ref _done, bytes);

    /// <summary>Several volumes may need different kinds: the most laborious one names the sync.</summary>
    public void Include(SyncKind other)
    {
        if (Rank(other) > Rank(Kind)) Volatile.Write(ref _kind, (int)other);
    }

    private static int Rank(SyncKind kind) => kind switch
    {
        SyncKind.None => 0,
        SyncKind.Replay => 1,
        SyncKind.Allocation => 2,
        SyncKind.ChangeMap => 3,
        SyncKind.HashCompare => 4,
    };
}
