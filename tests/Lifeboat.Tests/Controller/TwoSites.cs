// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing.Recovery;

namespace Lifeboat.Tests.Controller;

/// <summary>Two paired sites, `a` with a guest `db1` of two disks.</summary>
internal sealed class TwoSites : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private TwoSites(TestSite a, TestSite b, AgentNetwork network) => (A, B, Network) = (a, b, network);

    public TestSite A { get; }
    public TestSite B { get; }
    public AgentNetwork Network { get; }

    /// <param name="database">PostgreSQL of b's controllers; null: its SQLite file.</param>
    /// <param name="found">What is done to b's directory before anything of it starts.</param>
    public static async Task<TwoSites> StartAsync(bool paired = true, string? database = null,
        Action<SitePaths>? found = null)
    {
        var network = new AgentNetwork();
        var sites = new TwoSites(await TestSite.StartAsync("a", network),
            await TestSite.StartAsync("b", network, database: database, found: found), network);
        if (paired)
        {
            var token = await sites.B.Client.CreateTokenAsync(Ct);
            await sites.A.Client.PairAsync(token.Token, Ct);
        }
        return sites;
    }

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async Task<GroupInfo> ProtectAsync()
    {
        var qmp = A.RunGuest("db1", "vda", "vdb");
        await A.Client.AdoptAsync(new AdoptRequest("db1", qmp, "/db1/qga.sock"), Ct);
        return await A.Client.CreateGroupAsync(Request(), Ct);
    }

    public static CreateGroupRequest Request() => new()
    {
        Name = "shop",
        RecoverySite = "b",
        Members = [new MemberRequest("db1")],
        Checks = ["tcp:5432"],
    };

    /// <summary>The site dies: controller, agent's link and guests.</summary>
    public async Task LoseAAsync()
    {
        await A.StopControllerAsync();
        Network.Down.Add("a");
        A.Site.LosePower();
    }

    public async Task BringABackAsync()
    {
        Network.Down.Remove("a");
        await A.StartControllerAsync();
    }

    /// <summary>Protected, then failed over to b with a dead; a is back and knows it.</summary>
    public async Task FailOverWithADeadAsync()
    {
        await ProtectAsync();
        await UntilAsync(B, GroupState.Protected);
        await LoseAAsync();
        Assert.Equal(RunState.Succeeded, (await RunAsync(B, RunKind.Failover)).State);
        await BringABackAsync();
        await UntilAsync(A, g => g.Definition.PrimarySite == "b");
    }

    public Task<RunInfo> RunAsync(TestSite at, RunKind kind) => RunAsync(at,
        new StartRunRequest { Kind = kind, SourceIsDead = kind is RunKind.Failover });

    public async Task<RunInfo> RunAsync(TestSite at, StartRunRequest request)
    {
        var started = await at.Client.StartRunAsync("shop", request, Ct);
        RunInfo last = started;
        await foreach (var change in at.Client.WatchRunAsync(started.Id, Ct)) last = change;
        return last;
    }

    /// <summary>Until the site says so; the loops behind it have a period of two seconds.</summary>
    public static async Task<GroupInfo> UntilAsync(TestSite at, Func<GroupInfo, bool> wanted)
    {
        var until = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var info = await at.Client.GroupAsync("shop", Ct);
            if (wanted(info)) return info;
            if (TimeProvider.System.GetElapsedTime(until) > Patience)
                Assert.Fail($"{at.Name}: still {info.State} ({info.Reason}, {info.Detail})");
            await Task.Delay(100, Ct);
        }
    }

    public static Task<GroupInfo> UntilAsync(TestSite at, GroupState state) => UntilAsync(at, i => i.State == state);

    public static async Task<ProblemException> RefusedAsync(ReasonCode reason, Func<Task> request)
    {
        var refused = await Assert.ThrowsAsync<ProblemException>(request);
        Assert.True(refused.Reason == reason, $"{refused.Reason} instead of {reason}: {refused.Message}");
        return refused;
    }

    public async ValueTask DisposeAsync()
    {
        await A.DisposeAsync();
        await B.DisposeAsync();
    }
}
