// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing.Recovery;

namespace Lifeboat.Tests.Recovery;

public sealed class UpdateDnsTests
{
    private const string Shop = "shop.example.org", Db = "db.example.org";

    [Fact]
    public void A_failover_leads_the_names_to_where_the_instances_run_and_the_failback_leads_them_back()
    {
        var (world, names) = World();
        world.LoseA();
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(RunState.Succeeded, run.State);
        Assert.Equal(["203.0.113.2"], names.AddressesOf(Shop));
        Assert.Equal(["198.51.100.9"], names.AddressesOf(Db));
        Assert.Equal(0, world.A.AskedAsPeer);
        Assert.Contains(run.Steps.Single(s => s.Name == "update-dns").Evidence, e => e.Contains("203.0.113.2"));

        world.BringABack();
        world.Inside(async () =>
            await world.A.SetGroupAsync((await world.B.GroupAsync(RecoveryWorld.Group, default))!, default));
        Assert.Equal(RunState.Succeeded, world.Run(RunKind.Failback, world.A).State);
        Assert.Equal(["203.0.113.1"], names.AddressesOf(Shop));
        Assert.Equal(["192.0.2.5"], names.AddressesOf(Db));
    }

    [Fact]
    public void A_drill_asks_no_name_server()
    {
        var (world, names) = World();
        var run = world.Run(RunKind.TestFailover, world.B);
        Assert.Equal((RunState.Succeeded, 0), (run.State, names.Asked));
        Assert.DoesNotContain(run.Steps, s => s.Name == "update-dns");
    }

    [Fact]
    public void A_name_that_is_refused_is_a_warning_with_its_reason_and_the_others_are_led()
    {
        var (world, names) = World();
        names.Refuses[Db] = "the key is not known";
        world.LoseA();
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(RunState.SucceededWithWarnings, run.State);
        var step = run.Steps.Single(s => s.Name == "update-dns");
        Assert.Equal(["db.example.org: the key is not known"], step.Warnings);
        Assert.Equal((ReasonCode.NamesNotUpdated, 1, 2), (step.Reason, step.Attempts, names.Asked));
        Assert.Equal(["203.0.113.2"], names.AddressesOf(Shop));
        Assert.Equal("b", world.B.Known(RecoveryWorld.Group).PrimarySite);
    }

    [Fact]
    public void What_may_pass_is_tried_again_within_the_step()
    {
        var (world, names) = World();
        names.Refuses[Shop] = "later: no answer";
        world.LoseA();
        var (_, ended) = world.Begin(RunKind.Failover, world.B, RunInput.None);
        world.RunUntil(() => names.Asked >= 4);
        names.Refuses.Clear();
        world.RunUntil(() => ended() is not null);
        Assert.Equal(RunState.Succeeded, ended()!.State);
        Assert.Equal(["203.0.113.2"], names.AddressesOf(Shop));
    }

    [Fact]
    public void A_server_that_stays_away_ends_the_step_and_not_the_move()
    {
        var (world, names) = World();
        names.Refuses[Shop] = names.Refuses[Db] = "later: no answer";
        world.LoseA();
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(RunState.SucceededWithWarnings, run.State);
        var step = run.Steps.Single(s => s.Name == "update-dns");
        Assert.Equal(2, step.Warnings.Count);
        Assert.InRange(step.Duration!.Value, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(40));
        Assert.True(run.Steps.Single(s => s.Name == "commit").Done);
    }

    [Fact]
    public void An_instance_without_an_address_and_a_site_without_servers_are_warnings_too()
    {
        var (world, _) = World();
        world.B.Site.Outside.Clear();
        world.LoseA();
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(["shop.example.org: web1 has no address at b"],
            run.Steps.Single(s => s.Name == "update-dns").Warnings);

        (world, _) = World();
        world.B.Names = null;
        world.LoseA();
        run = world.Run(RunKind.Failover, world.B);
        Assert.All(run.Steps.Single(s => s.Name == "update-dns").Warnings,
            w => Assert.EndsWith("this site cannot update DNS", w));
    }

    [Fact]
    public void A_group_without_names_says_so()
    {
        var world = new RecoveryWorld();
        world.LoseA();
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(["the group has no names in DNS: nothing to do"],
            run.Steps.Single(s => s.Name == "update-dns").Evidence);
    }

    /// <summary>A controller that is killed anywhere leads the names all the same, and once.</summary>
    [Fact]
    public void Killed_at_any_moment_it_is_done_by_the_next_controller()
    {
        for (long kill = 5; kill < 400; kill += 45)
        {
            var (world, names) = World();
            world.LoseA();
            Assert.Equal(RunState.Succeeded, world.Run(RunKind.Failover, world.B, null, kill).State);
            Assert.Equal(["203.0.113.2"], names.AddressesOf(Shop));
            Assert.Equal(2, names.Changes);
        }
    }

    // web1 has an address at either site; db1's are given.
    private static (RecoveryWorld, NameServersDouble) World()
    {
        var world = new RecoveryWorld();
        var names = world.A.Names = world.B.Names = new NameServersDouble();
        world.A.Site.Outside["web1"] = ["203.0.113.1"];
        world.B.Site.Outside["web1"] = ["203.0.113.2"];
        var group = RecoveryWorld.Definition with
        {
            Version = 2,
            Dns = new GroupDns
            {
                Names =
                [
                    new DnsName { Name = Shop, Targets = [new DnsTarget("web1")] },
                    new DnsName
                    {
                        Name = Db, Targets = [new DnsTarget("db1")],
                        Addresses = new Dictionary<string, IReadOnlyList<string>>
                        {
                            ["a"] = ["192.0.2.5"], ["b"] = ["198.51.100.9"],
                        },
                    },
                ],
            },
        };
        world.Inside(async () =>
        {
            await world.A.SetGroupAsync(group, default);
            await world.B.SetGroupAsync(group, default);
        });
        return (world, names);
    }
}
