// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Tests.Recovery;

namespace Lifeboat.Tests.Controller.Alerts;

/// <summary>What a site may see of itself: one group, `shop`, protected from a to b.</summary>
internal static class Sight
{
    public static readonly DateTimeOffset Now = new(2026, 11, 29, 12, 0, 0, TimeSpan.Zero);

    public static Observation At(string site, params GroupInfo[] groups) => new(Now, site, groups,
        [new HostInfo("default", Agent(), ReasonCode.None)], [], [], [], []);

    public static AgentStatus Agent() => new("a", "1", 1, Now.AddDays(-1), "", [], []);

    public static GroupInfo Group(GroupState state = GroupState.Protected, ReasonCode reason = ReasonCode.None) => new()
    {
        Definition = RecoveryWorld.Definition,
        State = state,
        Reason = reason,
        Since = Now,
        Source = Source(),
        Replica = Replica(),
        NewestPoint = Replica().Newest,
        Exposure = TimeSpan.FromSeconds(2),
    };

    public static SourceStatus Source() => new()
    {
        Group = "shop",
        Phase = SourcePhase.Streaming,
        Reason = ReasonCode.None,
        Since = Now,
        Epoch = Epoch.First,
        CapturedSequence = 1,
        DurableSequence = 1,
        OutboxBytes = 0,
        Lag = TimeSpan.Zero,
        CapturedBytes = 0,
        ShippedBytes = 0,
        LastResync = ResyncKind.None,
        ResyncMovedBytes = 0,
        ResyncExaminedBytes = 0,
        ResyncProgress = 1,
        Attaches = 1,
        Volumes = [],
    };

    public static ReplicaStatus Replica() => new()
    {
        Group = "shop",
        ReplicaId = Guid.Empty,
        Epoch = Epoch.First,
        Connected = true,
        Reason = ReasonCode.None,
        DurableSequence = 1,
        FoldedSequence = 0,
        JournalBytes = 3 << 20,
        ReceivedBytes = 0,
        RefusedFrames = 0,
        Points = 1,
        Newest = Point(),
        Oldest = Point(),
        Views = [],
    };

    private static RecoveryPoint Point() => new(Guid.Empty, 1, Epoch.First, Now.AddSeconds(-2), Consistency.Crash,
        PointState.Sealed, null, null, new Dictionary<string, Consistency>());
}
