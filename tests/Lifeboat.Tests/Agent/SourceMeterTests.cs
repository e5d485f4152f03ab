// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Sources;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Tests.Agent;

/// <summary>Counters that go on over the end of an agent, be it sudden.</summary>
public sealed class SourceMeterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-meter-").FullName;

    [Fact]
    public void What_was_told_is_kept_though_the_agent_is_killed_and_never_goes_back()
    {
        var meter = SourceMeter.Open(_folder, "shop");
        var told = meter.Tell(Now(captured: 700, wire: 300));
        // Nothing is closed. An answer that was slow is no step back.
        meter.Tell(Now(captured: 600, wire: 200));
        Assert.Equal(told, Assert.Single(SourceMeter.All(_folder)).Totals);
        var next = SourceMeter.Open(_folder, "shop").Tell(Now(captured: 5, wire: 1));
        Assert.Equal((told.Id, 705, 301), (next.Id, next.CapturedBytes, next.WireBytes));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static SourceSnapshot Now(long captured, long wire) => new()
    {
        Group = "shop", Phase = GroupSourcePhase.Streaming, Reason = ReasonCode.None, Since = DateTimeOffset.UnixEpoch,
        Epoch = Epoch.First, Connected = true, CapturedSequence = 1, DurableSequence = 1, OutboxBytes = 0,
        Outbox = new OutboxState(OutboxRung.Memory, ReasonCode.None, DateTimeOffset.UnixEpoch, 0, 0),
        Lag = TimeSpan.Zero, CapturedBytes = captured, ShippedBytes = captured, WireBytes = wire,
        LastSync = SyncKind.None, SyncMovedBytes = 0, SyncExaminedBytes = 0, SyncProgress = 1, Attaches = 1,
        Volumes = [],
    };
}
