// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// Five running servers in three tiers on two networks of one cloud are replicated, through the command alone, and
/// recovered in a project of the other one that has nothing. The first cloud lives, and is not asked.
/// </summary>
public sealed class OpenStackTiers(ITestOutputHelper output)
{
    private readonly string _name = $"lbt{Guid.NewGuid().ToString("n")[..6]}";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact(Timeout = 45 * 60 * 1000)]
    public async Task Five_replicated_servers_come_up_in_order_in_an_empty_project_of_the_other_cloud()
    {
        if (Environment.GetEnvironmentVariable("LIFEBOAT_TESTBED_TRIAL") != "yes")
            Assert.Skip("ten servers, minutes: ./testbed trial runs it");
        await using var here = await EmptyProject.MakeAsync(Ct, "a");
        await using var there = await EmptyProject.MakeAsync(Ct, "b");
        using (var servers = await TieredServers.InAsync(here, Ct))
            Assert.Equal(RunState.Succeeded, (await servers.RecoverAsync(Ct)).State);
        Say("five servers run at a");
        await using var a = await TestCloud.StartAsync("a", _name, Ct, here);
        await using var b = await TestCloud.StartAsync("b", _name, Ct, there);
        await a.Site.PairWithAsync(b.Site, Ct);
        await ProtectAsync(a.Site);
        var records = await RecordsAsync(here);
        a.Site.KillEverything();

        await b.Site.MustAsync(["failover", ThreeTiers.Group], Ct);
        var run = (await b.Site.AskAsync<IReadOnlyList<RunInfo>>(["run", "list"], Ct)).Single();
        var report = (await b.Site.AskAsync<RunReport>(["report", "get", $"{run.Id}"], Ct)).Read();
        Say($"failover of five: RPO {report.Rpo.Reached?.TotalSeconds:0.0} s, "
            + $"RTO {report.Rto.Reached?.TotalSeconds:0.0} s");
        Say($"DHCP servers are at {string.Join(", ", await TieredServers.CompareAsync(there, Ct))}");
        Say($"asked for at {string.Join(", ", await TieredServers.InOrderAsync(there, Ct))}");
        Assert.True(await RecordsAsync(there) >= records, "web1 does not have what it had");

        await a.Site.StartAsync(Ct);
        await b.Site.MustAsync(["group", "delete", ThreeTiers.Group], Ct);
        foreach (var member in ThreeTiers.Definition.Members.Reverse())
            await b.Site.MustAsync(["instance", "remove", member.Instance], Ct);
        Assert.Equal(["security group data", "security group web"], (await there.ListAsync(Ct)).Order());
    }

    private async Task ProtectAsync(FieldSite a)
    {
        var start = Stopwatch.GetTimestamp();
        await a.MustAsync(["group", "create", ThreeTiers.Group, "--recovery-site", "b",
            .. ThreeTiers.Definition.Members.SelectMany(m => new[] { "--instance", $"{m.Instance}:{m.BootOrder}" }),
            .. ThreeTiers.Definition.Checks.SelectMany(c => new[] { "--check", c })], Ct);
        await a.UntilGroupAsync(ThreeTiers.Group, FieldSite.IsProtected, Patience.Limit, TimeProvider.System, Ct);
        Say($"protected after {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        var cut = await a.AskAsync<CheckpointResult>(["point", "create", ThreeTiers.Group, "--quiesce"], Ct);
        Assert.True(cut.Point.Consistency == Consistency.Application, cut.Point.Note);
    }

    // Of the one that can be asked: its floating address.
    private static async Task<long> RecordsAsync(EmptyProject project)
    {
        var address = (await project.Cloud.Neutron.FloatingIpsAsync(Ct)).Single().FloatingIpAddress;
        await OracleStatus.UntilWritesAsync(address, Ct);
        return await OracleStatus.RecordsAsync(address, Ct);
    }

    private void Say(string line) => output.WriteLine(line);
}
