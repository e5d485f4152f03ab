// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Sites;
using Lifeboat.Testing.Recovery;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>A site with several agents, and instances that move from one to the other.</summary>
public sealed class HostTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task An_agent_that_is_added_has_all_that_is_the_sites_and_a_certificate_of_its_own()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.A.AddHostAsync("h2");
        var host = Assert.Single((await sites.A.Client.SiteAsync(Ct)).Hosts);
        Assert.Equal(("h2", "a"), (host.Host, host.Agent!.Site));
        await sites.A.StopHostAsync("h2");
        host = Assert.Single((await sites.A.Client.SiteAsync(Ct)).Hosts);
        Assert.Equal(ReasonCode.AgentUnreachable, host.Reason);

        var place = sites.A.Paths.OfHost("h2");
        var seen = SiteConfiguration.Read(place.Root);
        Assert.Equal(("a", "h2"), (seen.Name, seen.Host));
        Assert.NotEqual(SiteConfiguration.Read(sites.A.Paths.Root).LinkListen, seen.LinkListen);
        // As the link asks it: the agent of another site trusts what this one shows, and the other way round.
        using var shown = System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(
            place.AgentCertificate, place.AgentKey);
        using (var theirs = PeerTrust.Read(sites.B.Paths, "a"))
            Assert.Null(theirs!.Problem(shown, null, TimeProvider.System.GetUtcNow()));
        using (var ours = PeerTrust.Read(place, "b")) Assert.NotNull(ours);

        var rotated = await sites.A.Client.RotateCertificatesAsync(
            new RotateCertificatesRequest(NewCa: true, TimeSpan.Zero), Ct);
        Assert.Equal(2, rotated.Certificates.Count(c => c.Role == "agent"));
        using var renewed = System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(
            place.AgentCertificate, place.AgentKey);
        Assert.NotEqual(shown.SerialNumber, renewed.SerialNumber);
        using (var theirs = PeerTrust.Read(sites.B.Paths, "a"))
            Assert.Null(theirs!.Problem(renewed, null, TimeProvider.System.GetUtcNow()));
    }

    [Fact]
    public async Task What_cannot_be_an_agent_is_refused()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        await sites.A.AddHostAsync("h2");
        ProblemException Refused(string host, string listen) => Assert.Throws<ProblemException>(() =>
            SiteInitializer.AddAgent(sites.A.Paths.Root, new AgentConfiguration(host, listen), TimeProvider.System));
        Assert.Equal(ReasonCode.Conflict, Refused("h2", "127.0.0.1:0").Reason);
        Assert.Equal(2, Refused("No Name", "nowhere").Errors!.Count);
        Assert.Single(Refused("default", "127.0.0.1:0").Errors!);
        await RefusedAsync(ReasonCode.HostUnknown, () => sites.A.Client.AdoptAsync(
            new AdoptRequest("db1", sites.A.RunGuest("db1", "vda"), null, "h3"), Ct));
    }

    [Fact]
    public async Task A_migrated_instance_is_captured_by_the_agent_of_its_new_host()
    {
        await using var sites = await TwoSites.StartAsync();
        var h2 = await sites.A.AddHostAsync("h2");
        await ProtectAsync(sites);
        Assert.Equal("default", (await sites.A.Client.GroupAsync("shop", Ct)).Host);
        sites.A.Agent.MapBasis = "as the first agent left it";

        var moved = await sites.A.Client.MigrateInstanceAsync("db1", new MigrateRequest("h2"), Ct);

        Assert.Equal("h2", moved.Host);
        Assert.Null(sites.A.Agent.SourceSpec("shop"));
        Assert.Equal((1L, "h2"), (h2.SourceSpec("shop")!.Moves, h2.SourceSpec("shop")!.Host));
        Assert.Equal("as the first agent left it", h2.LastTakeOver!.MapBasis);
        var group = await UntilAsync(sites.A, GroupState.Protected);
        Assert.Equal(("h2", 1L), (group.Host, group.Definition.SourceMoves));
        // A definition like any other change: the other site knows it, and a restarted controller goes on with it.
        await UntilAsync(sites.B, g => g.Definition.SourceMoves == 1);
        await sites.A.StopControllerAsync();
        await sites.A.StartControllerAsync();
        Assert.Equal("h2", (await UntilAsync(sites.A, GroupState.Protected)).Host);
        var again = await sites.A.Client.MigrateInstanceAsync("db1", new MigrateRequest("h2"), Ct);
        Assert.Equal(1, h2.SourceSpec("shop")!.Moves);
        Assert.Equal(moved.ProcessId, again.ProcessId);
    }

    [Fact]
    public async Task A_move_that_fails_leaves_the_source_where_it_was()
    {
        await using var sites = await TwoSites.StartAsync();
        var h2 = await sites.A.AddHostAsync("h2");
        await ProtectAsync(sites);
        sites.A.Site.FailNext(nameof(IMigratesInstances.MigrateAsync), SiteFault.Refused);
        var refused = await Assert.ThrowsAsync<ProblemException>(
            () => sites.A.Client.MigrateInstanceAsync("db1", new MigrateRequest("h2"), Ct));
        Assert.Contains("made to fail", refused.Message, StringComparison.Ordinal);
        Assert.Null(h2.SourceSpec("shop"));
        Assert.Equal(1, sites.A.Agent.SourceSpec("shop")!.Moves);
        Assert.Equal("default", (await UntilAsync(sites.A, GroupState.Protected)).Host);
    }

    [Fact]
    public async Task An_agent_that_does_not_answer_is_fenced_first_and_loses_its_source_when_it_is_back()
    {
        await using var sites = await TwoSites.StartAsync();
        var h2 = await sites.A.AddHostAsync("h2");
        await ProtectAsync(sites, "h2");
        await sites.A.StopHostAsync("h2");
        await sites.A.Client.MigrateInstanceAsync("db1", new MigrateRequest("default"), Ct);

        Assert.Null(sites.A.Agent.LastTakeOver!.MapBasis);
        Assert.Equal(1, sites.B.Agent.Moves);
        Assert.Equal(SourcePhase.Fenced, h2.GetSource("shop").Phase);
        await sites.A.StartHostAsync("h2", h2);
        var until = TimeProvider.System.GetTimestamp();
        while (h2.SourceSpec("shop") is not null && TimeProvider.System.GetElapsedTime(until) < Patience)
            await Task.Delay(100, Ct);
        Assert.Null(h2.SourceSpec("shop"));
        Assert.NotNull(sites.A.Agent.SourceSpec("shop"));
    }

    [Fact]
    public async Task An_instance_stays_when_neither_its_agent_nor_the_recovery_site_answers()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.A.AddHostAsync("h2");
        await ProtectAsync(sites, "h2");
        await sites.A.StopHostAsync("h2");
        await sites.B.StopControllerAsync();
        var refused = await RefusedAsync(ReasonCode.PeerUnreachable,
            () => sites.A.Client.MigrateInstanceAsync("db1", new MigrateRequest("default"), Ct));
        Assert.Contains("does not answer", refused.Message, StringComparison.Ordinal);
        Assert.Equal("h2", (await sites.A.Client.InstanceAsync("db1", Ct)).Host);
        Assert.Null(sites.A.Agent.SourceSpec("shop"));
    }

    [Fact]
    public async Task What_somebody_else_migrated_is_adopted_again_and_its_source_follows()
    {
        await using var sites = await TwoSites.StartAsync();
        var h2 = await sites.A.AddHostAsync("h2");
        await ProtectAsync(sites);
        await sites.A.Client.AdoptAsync(new AdoptRequest("db1", "/db1/qmp.sock", null, "h2"), Ct);
        Assert.Equal(1, h2.SourceSpec("shop")!.Moves);
        Assert.Null(sites.A.Agent.SourceSpec("shop"));
        // Said again without a host it stays where it is.
        Assert.Equal("h2", (await sites.A.Client.AdoptAsync(
            new AdoptRequest("db1", "/db1/qmp.sock", null), Ct)).Host);
    }

    [Fact]
    public async Task A_group_has_one_agent_so_its_instances_are_not_torn_apart()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.A.AddHostAsync("h2");
        foreach (var (name, host) in new[] { ("db1", "default"), ("db2", "default"), ("db3", "h2") })
            await sites.A.Client.AdoptAsync(
                new AdoptRequest(name, sites.A.RunGuest(name, "vda"), null, host), Ct);
        var two = Request() with { Members = [new MemberRequest("db1"), new MemberRequest("db3")] };
        await RefusedAsync(ReasonCode.Conflict, () => sites.A.Client.CreateGroupAsync(two, Ct));
        await sites.A.Client.CreateGroupAsync(
            Request() with { Members = [new MemberRequest("db1"), new MemberRequest("db2")] }, Ct);
        await RefusedAsync(ReasonCode.Conflict,
            () => sites.A.Client.MigrateInstanceAsync("db1", new MigrateRequest("h2"), Ct));
        await RefusedAsync(ReasonCode.HostUnknown,
            () => sites.A.Client.MigrateInstanceAsync("db1", new MigrateRequest("h9"), Ct));
    }

    private static async Task ProtectAsync(TwoSites sites, string? host = null)
    {
        await sites.A.Client.AdoptAsync(
            new AdoptRequest("db1", sites.A.RunGuest("db1", "vda"), "/db1/qga.sock", host), Ct);
        await sites.A.Client.CreateGroupAsync(Request(), Ct);
        await UntilAsync(sites.A, GroupState.Protected);
        await UntilAsync(sites.B, GroupState.Protected);
    }
}
