// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing;
using Lifeboat.Testing.Replicas;
using Lifeboat.Testing.Simulation;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Replicas;

public sealed class ReplicaScrubberTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly SimulatedScheduler _scheduler = new(new Prng(1));
    private readonly HostTime _time = new(TimeSpan.Zero);
    private readonly SimulatedDisk _disk = new(new Prng(2));
    private readonly Prng _ids = new(3);
    private SimulatedProcess? _agent;
    private Replica? _replica;
    private int _agents;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_clock_that_was_a_year_ahead_does_not_put_the_next_scrub_off(bool restarted)
    {
        _time.Jump(0, TimeSpan.FromDays(365));
        Start();
        var first = UntilNextPass(null);
        _time.Jump(_scheduler.Now, TimeSpan.FromDays(-365));
        if (restarted) Start();
        var since = _scheduler.Now;
        UntilNextPass(first);
        Assert.InRange(TimeSpan.FromTicks(_scheduler.Now - since), TimeSpan.FromMinutes(59), TimeSpan.FromHours(2));
    }

    private DateTimeOffset UntilNextPass(DateTimeOffset? last)
    {
        _scheduler.Run(() => _replica?.ScrubState.LastPassAt is { } at && at != last, 100_000);
        return _replica!.ScrubState.LastPassAt!.Value;
    }

    private void Start()
    {
        _agent?.Kill();
        _disk.KillProcesses();
        var agent = _agent = new SimulatedProcess(_scheduler, ++_agents, "agent", _time,
            (_, e) => throw new SimulationException(e.ToString()));
        agent.Start(async () =>
        {
            var options = new ReplicaOptions
            {
                NewId = _ids.NextGuid,
                Journal = new JournalOptions { SegmentBytes = 64 << 10, ReserveBytes = 0, NewSalt = _ids.NextUInt64 },
            };
            var replica = await Replica.OpenAsync(new ReplicaDefinition("shop", Epoch.First,
                [new ReplicaVolume(0, "db1.root", 64 << 10)], Retention.All(TimeSpan.FromSeconds(20))), options,
                new SimulatedStorage(_disk, "shop"), new SimulatedReplicaStore(_disk), agent.Clock, Ct);
            _replica = replica;
            await new ReplicaScrubber(replica, ScrubOptions.Default with { Every = TimeSpan.FromHours(1) }, agent.Clock)
                .RunAsync(Ct);
        });
    }
}
