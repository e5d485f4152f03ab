// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Watching;

/// <summary>What a site knows of itself at one moment; alerts, service levels, usage and metrics follow from it.
/// </summary>
/// <param name="Groups">Without what the other sites say of them.</param>
/// <param name="Runs">Those under way, and those that have ended since the look before; at first the newest 500.
/// </param>
internal sealed record Observation(DateTimeOffset At, string Site, IReadOnlyList<GroupInfo> Groups,
    IReadOnlyList<HostInfo> Agents, IReadOnlyList<PeerInfo> Peers, IReadOnlyList<LinkStatus> Links,
    IReadOnlyList<CertificateInfo> Certificates, IReadOnlyList<Run> Runs)
{
    /// <summary>Its runs are not only news: it is the first look, or the first one as the controller that watches.
    /// </summary>
    public bool IsFirst { get; init; }

    /// <summary>Counters of groups at the agents of this site, also of those whose source is elsewhere.</summary>
    public IReadOnlyList<GroupTotals> Totals { get; init; } = [];

    /// <summary>The group's source, when it is at this site.</summary>
    public SourceStatus? SourceOf(GroupInfo group) => group.Definition.PrimarySite == Site ? group.Source : null;

    /// <summary>The group's replica, when it is at this site.</summary>
    public ReplicaStatus? ReplicaOf(GroupInfo group) => group.Definition.RecoverySite == Site ? group.Replica : null;

    /// <summary>
    /// What a failover would lose: where the source is, the age of what is not durable at the recovery site; where
    /// the replica is, the age of the newest point. Null: it is not known now.
    /// </summary>
    public TimeSpan? Behind(GroupInfo group)
    {
        if (group.Definition.PrimarySite != Site) return ReplicaOf(group) is null ? null : group.Exposure;
        if (SourceOf(group) is not { } source) return null;
        // Between two moments nothing is captured: what was written since the last one would be lost.
        var moments = source.Moments is { Last: { } last } ? At - last : TimeSpan.Zero;
        return source.Lag > moments ? source.Lag : moments;
    }
}
