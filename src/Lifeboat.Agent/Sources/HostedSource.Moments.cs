// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Moments;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication.Moments;
using Lifeboat.Replication.Moments.Snapshots;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Sources;

internal sealed partial class HostedSource
{
    private const long OverlayBytesLeast = 1L << 30;

    /// <summary>What guests overwrite while a moment is read, a folder for each group; empty between moments.</summary>
    public static string OverlayFolder(AgentParts parts, string group) =>
        Path.Combine(parts.Paths.AgentState, "moments", group);

    // Overlays may take what the log of the outbox may, which a group that is read in moments hardly needs.
    private static (IMomentTap? Tap, RestWatch? Rests) MomentTap(
        SourceSpec spec, IReadOnlyList<QmpDiskTap> disks, AgentParts parts)
    {
        switch (spec.Policy.Source)
        {
            case ChangeSource.Continuous:
                return (null, null);
            case ChangeSource.Bitmap:
                var places = new MomentPlaces(OverlayFolder(parts, spec.Group),
                    Path.Combine(parts.Paths.Run, $"rest-{TapNames.KeyOf(spec.Group)}-"));
                var rests = new RestWatch(spec, disks, parts);
                return (new QmpMomentTap(disks, rests, parts.Heartbeat, places,
                    Math.Max(spec.Policy.OutboxLogBytes, OverlayBytesLeast), parts.Time,
                    parts.Logs.CreateLogger<QmpMomentTap>()), rests);
            case ChangeSource.SnapshotDiff:
                rests = new RestWatch(spec, disks, parts);
                return (new SnapshotMomentTap(RbdDisks.Of(spec, disks, rests, parts)), rests);
            default:
                throw new ProblemException(ReasonCode.InvalidRequest,
                    $"group {spec.Group} is moved by its cloud, not by an agent");
        }
    }

    private static MomentsStatus? StatusOf(MomentsSnapshot? moments) => moments is not { } m ? null
        : new MomentsStatus(m.Period, m.Last, m.LastBytes, m.UnderWay, m.Next, m.GivenUp, m.Failure);
}
