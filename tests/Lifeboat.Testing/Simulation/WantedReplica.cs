// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Testing.Simulation;

/// <summary>A replica that a site was asked to keep, and what was ever said of it by anybody.</summary>
public sealed class WantedReplica(Epoch epoch, string primarySite, IReadOnlyList<ReplicaVolume> volumes,
    Retention retention, OriginPoint? origin = null)
{
    public Epoch Epoch => epoch;
    public string PrimarySite => primarySite;
    public IReadOnlyList<ReplicaVolume> Volumes => volumes;
    public Retention Retention => retention;
    /// <summary>It keeps what its seeds hold, beside the replica, and takes no stream in; null: it is the
    /// replica.</summary>
    public OriginPoint? Origin => origin;
    /// <summary>The group, as replicas and files are named after it.</summary>
    public string Key => origin is null ? "g1" : $"g1.{origin.Pin}";

    /// <summary>Acknowledged as durable.</summary>
    public long Durable { get; private set; }
    /// <summary>Listed as sealed.</summary>
    public RecoveryPoint? Newest { get; private set; }

    /// <summary>It was put back as it was when this was said of it: what was said since is void.</summary>
    public void Forget(long durable, RecoveryPoint? newest) => (Durable, Newest, WasPutBack) = (durable, newest, true);

    /// <summary>What a source remembers of it may be void; only what it says itself counts.</summary>
    public bool WasPutBack { get; private set; }

    /// <summary>Its medium has decayed: something of it may be lost, and is found and named.</summary>
    public bool HasDecayed { get; private set; }
    /// <summary>Power was lost after that: what a flip took of the end may pass for what a crash tore.</summary>
    public bool MayHaveTornEnd { get; private set; }

    public void Decays() => (HasDecayed, MayHaveTornEnd) = (true, false);

    public void LostPower() => MayHaveTornEnd = HasDecayed;

    public void Promise(long durable) => Durable = Math.Max(Durable, durable);

    public void Promise(long durable, RecoveryPoint newest)
    {
        Promise(durable);
        if (Newest is null || newest.Sequence > Newest.Sequence) Newest = newest;
    }
}
