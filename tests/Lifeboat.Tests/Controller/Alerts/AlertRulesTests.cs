// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Tests.Controller.Alerts;

public sealed class AlertRulesTests
{
    [Fact]
    public void All_well_is_no_alert()
    {
        Assert.Empty(AlertRules.Of(Sight.At("a", Sight.Group()), null));
        Assert.Empty(AlertRules.Of(Sight.At("b", Sight.Group()), null));
    }

    [Theory]
    [InlineData(GroupState.Protected, 20, AlertKind.RpoMissed)]
    [InlineData(GroupState.Resyncing, 20, AlertKind.RpoMissed)]
    [InlineData(GroupState.Suspended, 4000, null)]
    [InlineData(GroupState.Initializing, 4000, null)]
    [InlineData(GroupState.Protected, 14, null)]
    public void More_to_lose_than_the_target_is_one_unless_it_is_on_purpose(
        GroupState state, int seconds, AlertKind? kind)
    {
        var late = Sight.Group(state) with
        {
            Source = Sight.Source() with { Lag = TimeSpan.FromSeconds(seconds) },
            Exposure = TimeSpan.FromSeconds(seconds),
        };
        foreach (var site in new[] { "a", "b" })
            Assert.Equal(kind, AlertRules.Of(Sight.At(site, late), null).SingleOrDefault()?.Kind);
    }

    [Theory]
    [InlineData(GroupState.Degraded, AlertKind.GroupDegraded, AlertSeverity.Warning)]
    [InlineData(GroupState.Error, AlertKind.GroupDegraded, AlertSeverity.Critical)]
    [InlineData(GroupState.Diverged, AlertKind.GroupDiverged, AlertSeverity.Critical)]
    public void A_group_that_is_not_protected_as_it_should_is_one(
        GroupState state, AlertKind kind, AlertSeverity severity)
    {
        var found = Assert.Single(AlertRules.Of(Sight.At("a", Sight.Group(state, ReasonCode.CaptureLost)), null));
        Assert.Equal((kind, severity, ReasonCode.CaptureLost, "shop", "default"),
            (found.Kind, found.Severity, found.Reason, found.Group, found.Tenant));
        Assert.NotEmpty(found.Advice);
    }

    [Fact]
    public void The_source_tells_of_its_outbox_its_quiesces_and_disks_that_nobody_protects()
    {
        var full = new OutboxStatus(OutboxRung.Log, ReasonCode.OutboxFull, Sight.Now, 120L << 20, 4L << 30);
        var group = Sight.Group() with
        {
            Source = Sight.Source() with
            {
                Outbox = full,
                LastQuiesce = new QuiesceReport(Sight.Now, null, null, ReasonCode.QuiesceFailed, "db1 did not freeze"),
                Unprotected = [new UnprotectedDisk("db1", "vdz", 512, null)],
            },
        };
        Assert.Equal([AlertKind.OutboxFull, AlertKind.QuiesceFailed, AlertKind.VolumeUnprotected],
            AlertRules.Of(Sight.At("a", group), null).Select(c => c.Kind));
        Assert.Empty(AlertRules.Of(Sight.At("b", group), null));

        var over = full with { Rung = OutboxRung.ChangeMap, Reason = ReasonCode.OutboxLogFull };
        Assert.Equal(AlertSeverity.Critical, Assert.Single(AlertRules.Of(Sight.At("a", Sight.Group() with
        {
            Source = Sight.Source() with { Outbox = over },
        }), null)).Severity);
    }

    [Fact]
    public void The_replica_tells_of_damage_until_it_is_mended_and_of_a_full_store()
    {
        var damage = new DamageStatus(DamagedPart.Base, "db1.raw", 0, "db1.vda", 0, 4096, 7, Sight.Now, null);
        GroupInfo With(ReplicaStatus replica) => Sight.Group() with { Replica = replica };
        Assert.Equal(AlertKind.ReplicaDamaged, Assert.Single(AlertRules.Of(Sight.At("b", With(
            Sight.Replica() with { Damages = [damage] })), null)).Kind);
        Assert.Empty(AlertRules.Of(Sight.At("b", With(
            Sight.Replica() with { Damages = [damage with { MendedAt = 9 }] })), null));
        Assert.Equal(AlertKind.StoreFull, Assert.Single(AlertRules.Of(Sight.At("b", With(
            Sight.Replica() with { Reason = ReasonCode.TargetFull })), null)).Kind);
    }

    [Fact]
    public void The_site_tells_of_peers_paths_agents_room_and_certificates()
    {
        var peer = new PeerInfo("b", "https://b", "b:1", "", Sight.Now, false, ReasonCode.PeerUnreachable, null, 3);
        var link = new LinkStatus("b", Lifeboat.Protection.Links.LinkSettings.Default, null, 0,
            [new LinkPathStatus("eth1", 0, 2, 0, 0, "no route"), new LinkPathStatus("eth2", 1, 2, 0, 0, null)]);
        var seen = Sight.At("a") with
        {
            Peers = [peer, peer with { Name = "c", Reachable = true }],
            Links = [link],
            Agents =
            [
                new HostInfo("h2", null, ReasonCode.AgentUnreachable),
                new HostInfo("h3", Sight.Agent() with { Store = new StoreStatus(1, 100) }, ReasonCode.None),
            ],
            Certificates =
            [
                new CertificateInfo("a", "agent", Sight.Now, Sight.Now.AddDays(2)),
                new CertificateInfo("a", "ca", Sight.Now, Sight.Now.AddDays(200)),
            ],
        };
        Assert.Equal(
        [
            (AlertKind.SiteUnreachable, "b"), (AlertKind.LinkPathDown, "b over eth1"), (AlertKind.AgentDown, "h2"),
            (AlertKind.StoreFull, "h3"), (AlertKind.CertificateExpires, "agent of a"),
        ], AlertRules.Of(seen, null).Select(c => (c.Kind, c.Subject)));
    }

    [Fact]
    public void Guests_that_had_to_wait_are_one_and_a_restarted_agent_is_none()
    {
        Observation Slow(long slow, int started) => Sight.At("a") with
        {
            Agents =
            [
                new HostInfo("default", Sight.Agent() with
                {
                    Holds = new HoldStatus(1000, slow, 0.4), StartedAt = Sight.Now.AddDays(started),
                }, ReasonCode.None),
            ],
        };
        Assert.Equal(AlertKind.GuestStalled, Assert.Single(AlertRules.Of(Slow(5, 0), Slow(3, 0))).Kind);
        Assert.Empty(AlertRules.Of(Slow(5, 0), Slow(5, 0)));
        Assert.Empty(AlertRules.Of(Slow(2, 0), Slow(1, -1)));
        Assert.Empty(AlertRules.Of(Slow(2, 0), null));
    }
}
