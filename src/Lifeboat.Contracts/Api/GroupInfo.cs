// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Api;

/// <summary>A group as the asked site sees it; the other site's part is there only when it could be asked.</summary>
public sealed record GroupInfo
{
    public required GroupDefinition Definition { get; init; }
    /// <summary>Whose it is; its full name begins with it, unless it is `default`.</summary>
    public string Tenant => Definition.Tenant;
    /// <summary>The host whose agent is the source; null: the source is at another site, or there is none.</summary>
    public string? Host { get; init; }
    public required GroupState State { get; init; }
    public required ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    public required DateTimeOffset Since { get; init; }
    /// <summary>Of the primary site's agent; null when that is another site or does not answer.</summary>
    public SourceStatus? Source { get; init; }
    /// <summary>Of the recovery site's agent; null when that is another site or does not answer.</summary>
    public ReplicaStatus? Replica { get; init; }
    public RecoveryPoint? NewestPoint { get; init; }
    /// <summary>What a failover now would lose at most: now minus the newest sealed point's cut.</summary>
    public TimeSpan? Exposure { get; init; }
    /// <summary>Both sides wrote after the definition's fork, and nobody has chosen yet.</summary>
    public DivergenceNotice? Divergence { get; init; }
    /// <summary>What two sites edited in different ways while neither heard of the other; empty: nothing.</summary>
    public IReadOnlyList<DefinitionConflict> Conflicts { get; init; } = [];
    /// <summary>Why edits of both sites cannot hold together, so that what held before does; empty: they can.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];
    /// <summary>Its drills, as this site knows of them; null: there were none and none are due.</summary>
    public DrillStatus? Drills { get; init; }
    /// <summary>Volumes of the cloud that are kept near the newest point; null: none, or another site's.</summary>
    public StandingStatus? Standing { get; init; }
    /// <summary>The run under way for this group at this site.</summary>
    public Guid? ActiveRun { get; init; }
}
