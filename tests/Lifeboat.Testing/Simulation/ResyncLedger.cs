// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// I6, on the wire: what a source pulls from its disks and sends is never more than what had changed. Each attach
/// allows what it can need: the whole disk when the replica has nothing of it, the extents of the change map when there
/// is one, else the blocks written since the newest sealed point. A session that begins anew may pull its window again.
/// </summary>
internal sealed class ResyncLedger(SimulatedWorld world)
{
    private const int BlockBytes = 4096;
    private const double Margin = 1.1;
    private static readonly string[] PackedBy =
        [.. Enum.GetValues<FrameCompression>().Select(c => $"frames packed {c}")];
    private readonly Dictionary<(string Source, int Volume), Account> _accounts = [];
    private readonly Dictionary<Guid, long> _sentUpTo = [];

    /// <param name="dirtyBytes">Of the change map; null: it was lost, or never was.</param>
    public void Attached(SimulatedHost source, GuestDisk disk, long? dirtyBytes)
    {
        if (AccountOf(source, disk.Index) is not { } account) return;
        account.SizeBytes = disk.SizeBytes;
        account.Last = AllowanceOf(source, disk, account, dirtyBytes);
        account.Allowed += account.Last;
    }

    /// <summary>Bytes that a source pulled from its disks and sent into a replica.</summary>
    public long SentInto(SimulatedHost source, WantedReplica replica) =>
        _accounts.Where(a => a.Key.Source == source.Name && a.Value.Replica == replica).Sum(a => a.Value.Sent);

    /// <summary>A source asks where to go on.</summary>
    public void Asked(SimulatedHost source)
    {
        foreach (var ((site, _), account) in _accounts)
            if (site == source.Name) account.Allowed += account.Last;
    }

    /// <summary>Every frame that a source sends, as it leaves.</summary>
    public void Sent(SimulatedHost source, in FrameHeader frame, ReadOnlyMemory<byte> records)
    {
        world.Count(PackedBy[(int)frame.Compression]);
        // What was sent before and is sent again was lost with a connection: that is no copying twice.
        var known = _sentUpTo.GetValueOrDefault(frame.StreamId);
        if (frame.Last <= known) return;
        _sentUpTo[frame.StreamId] = frame.Last;
        for (var rest = records.Span; RecordCodec.TryReadHeader(rest, out var header) == RecordReadOutcome.Read;
             rest = rest[RecordCodec.SizeOf(header.DataLength)..])
            if (header.Sequence > known && header.Flags.HasFlag(RecordFlags.Pulled)) Pulled(source, header);
    }

    private void Pulled(SimulatedHost source, in RecordHeader header)
    {
        // Of the attach that pulled it, also when the peer has meanwhile been asked to keep another replica.
        if (!_accounts.TryGetValue((source.Name, header.Volume), out var account)) return;
        account.Sent += header.DataLength;
        world.Count("bytes pulled", header.DataLength);
        // A block that was written behind the attach differs too, and its other sectors are pulled with it.
        if (account.Sent > account.Allowed * Margin && account.Grown is { } grown)
        {
            account.Allowed += grown() - account.Last;
            account.Last = grown();
        }
        // So does what decayed in the replica behind it: it is mended.
        if (account.Sent > account.Allowed * Margin && account.Replica.HasDecayed)
        {
            account.Allowed += account.SizeBytes - account.Last;
            account.Last = account.SizeBytes;
        }
        if (account.Sent > account.Allowed * Margin)
            world.Violate("I6", $"{source.Name} pulled and sent {account.Sent} bytes of volume {header.Volume}, "
                + $"of which {account.Allowed} can have changed");
    }

    private long AllowanceOf(SimulatedHost source, GuestDisk disk, Account account, long? dirtyBytes)
    {
        var replica = account.Replica;
        account.Grown = null;
        if (replica.Durable == 0 || account.Sent == 0 || replica.WasPutBack || replica.HasDecayed)
            return disk.SizeBytes;
        if (dirtyBytes is { } dirty) return dirty;
        if (replica.Newest is not { } newest || world.Oracle.CutOf(newest) is not { } cut) return disk.SizeBytes;
        account.Grown = () => disk.History.BlocksSince(cut, BlockBytes / GuestWrite.SectorBytes) * BlockBytes;
        return account.Grown();
    }

    private Account? AccountOf(SimulatedHost source, int volume)
    {
        if (source.Peer.ReplicaWanted is not { } replica) return null;
        if (_accounts.TryGetValue((source.Name, volume), out var account) && account.Replica == replica) return account;
        return _accounts[(source.Name, volume)] = new Account(replica);
    }

    private sealed class Account(WantedReplica replica)
    {
        public WantedReplica Replica => replica;
        public long Sent { get; set; }
        public long Allowed { get; set; }
        public long Last { get; set; }
        public long SizeBytes { get; set; }
        /// <summary>What the last attach would allow now; null: that does not grow.</summary>
        public Func<long>? Grown { get; set; }
    }
}
