// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Protection;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>A guest under load that moves between hosts of its site, each with an agent of its own.</summary>
[Collection(LifeCollection.Name)]
public sealed class MigrationTests
{
    private const string Guest = "db";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task A_guest_moves_between_hosts_under_load_and_no_agent_that_it_left_does_harm()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        foreach (var host in new[] { "h2", "h3" }) await pair.A.MustAsync(["agent", "add", host], ct);
        await pair.A.StartAsync(ct); // returns when all answer
        await StartGuestAsync(pair, "h2", ct);
        await pair.ProtectWithAsync(["group", "create", FieldPair.Group, "--instance", Guest, "--recovery-site", "b",
            "--application", "erp", "--checkpoint-interval", "500ms"], ct);
        var first = await pair.UntilProtectedAsync(pair.A, Patience, ct);
        Assert.Equal("h2", first.Host);
        await CutOverTwoHostsAsync(pair, ct);

        // Live, and the change maps go along.
        var second = await MigrateAsync(pair, "h3", () => Task.CompletedTask, ct);
        Assert.Equal(ResyncKind.ChangeMap, second.Source!.LastResync);
        Assert.True(second.Source.ResyncMovedBytes <= second.Source.ResyncExaminedBytes,
            $"moved {second.Source.ResyncMovedBytes} of {second.Source.ResyncExaminedBytes} that changed");

        // Its agent and the watchdog of that hang. The controller's process ends the one, nobody starts it again: its
        // mirrors are ended from outside, and nobody knows of the maps.
        var left = new FieldSite("a", pair.A.Paths.OfHost("h3").Root);
        var third = await MigrateAsync(pair, "default", () =>
        {
            Assert.True(left.Signal("watchdog", "STOP") && left.Signal("agent", "STOP"), "h3 does not run");
            return Task.CompletedTask;
        }, ct);
        Assert.Equal(ResyncKind.HashCompare, third.Source!.LastResync);
        Assert.Equal(2, third.Definition.SourceMoves);
        await ComesBackStaleAsync(pair, left, ct);

        var last = await pair.UntilAsync(pair.A, g => FieldSite.IsProtected(g)
            && g.NewestPoint!.Sequence > third.NewestPoint!.Sequence, Patience, ct);
        foreach (var point in new[] { first, second, third, last }.Select(g => g.NewestPoint!.Id))
        {
            var proof = await pair.ProveAsync(pair.B, point, Guest, OracleExpectation.ConsistencyOnly, ct);
            Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
        }
        Assert.Empty(pair.Witness.History.Complaints(Guest));
        Assert.Single(pair.Witness.History.Runs(Guest)); // it was never booted again
    }

    private static async Task StartGuestAsync(FieldPair pair, string host, CancellationToken ct)
    {
        var folder = Directory.CreateDirectory(Path.Combine(pair.Directory, Guest)).FullName;
        OracleDisk[] disks =
        [
            new(Path.Combine(folder, "d0.img"), 192L << 20, OracleFileSystem.Ext4),
            new(Path.Combine(folder, "d1.img"), 64L << 20, OracleFileSystem.Raw),
        ];
        foreach (var disk in disks) await disk.CreateAsync(ct);
        pair.Witness.Listen(Guest, pair.WitnessSocket);
        var options = new OracleVmOptions
        {
            Name = Guest, Directory = folder, Guest = await OracleGuest.BuildAsync(ct), Disks = disks,
            Workload = OracleWorkload.Default with { LoadWriters = 1 }, WitnessSocket = pair.WitnessSocket,
        };
        var request = new StartRequest
        {
            Instance = Guest, Description = options.Describe(), Host = host,
            Disks = [.. disks.Select((d, i) => new DiskSource($"vd{i}", d.Path, null, null, KeepWrites: true))],
        };
        var file = Path.Combine(folder, "start.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(request, ContractJson.Options), ct);
        await pair.A.MustAsync(["instance", "start", file], ct);
        await pair.Witness.History.WaitForAcksAsync(Guest, 30, ct).WaitAsync(Patience, ct);
    }

    private static async Task<GroupInfo> MigrateAsync(
        FieldPair pair, string host, Func<Task> before, CancellationToken ct)
    {
        var known = await pair.UntilProtectedAsync(pair.A, Patience, ct);
        await before();
        var instance = await pair.A.AskAsync<SiteInstance>(["instance", "migrate", Guest, "--to", host], ct);
        Assert.Equal((host, InstancePower.Running), (instance.Host, instance.Power));
        var moved = pair.Time.GetUtcNow();
        await pair.Witness.History.WaitForAcksAsync(Guest, 20, ct).WaitAsync(Patience, ct);
        var group = await pair.UntilAsync(pair.A,
            g => FieldSite.IsProtected(g) && g.NewestPoint!.CutAt > moved, Patience, ct);
        Assert.Equal(host, group.Host);
        Assert.True(group.NewestPoint!.Sequence > known.NewestPoint!.Sequence, "no new point");
        TestContext.Current.SendDiagnosticMessage($"to {host}: {group.Source!.LastResync} moved "
            + $"{group.Source.ResyncMovedBytes} of {group.Source.ResyncExaminedBytes} looked at");
        return group;
    }

    private static async Task ComesBackStaleAsync(FieldPair pair, FieldSite left, CancellationToken ct)
    {
        var refused = (await RefusedAsync(pair, ct)).Count;
        // Its own controller would tell it; here the recovery site has to.
        Assert.True(pair.A.Signal("controller", "STOP"));
        try
        {
            Assert.True(left.Signal("watchdog", "CONT"), "its watchdog is gone");
            var start = pair.Time.GetTimestamp();
            while ((await RefusedAsync(pair, ct)).Count == refused && pair.Time.GetElapsedTime(start) < Patience)
                await Task.Delay(500, ct);
            Assert.True((await RefusedAsync(pair, ct)).Count > refused, "the agent that came back was not refused");
        }
        finally
        {
            pair.A.Signal("controller", "CONT");
        }
        var since = pair.Time.GetTimestamp();
        while ((await HostAsync(pair, "h3", ct))?.Agent is not { Sources.Count: 0 }
            && pair.Time.GetElapsedTime(since) < Patience) await Task.Delay(500, ct);
        Assert.Empty((await HostAsync(pair, "h3", ct))!.Agent!.Sources);
    }

    private static async Task<(long Count, ReasonCode Reason)> RefusedAsync(FieldPair pair, CancellationToken ct)
    {
        using var agent = new AgentClient(pair.B.Paths.AgentSocket);
        var replica = await agent.ReplicaAsync(FieldPair.Group, ct);
        return (replica.RefusedFrames, replica.Reason);
    }

    private static async Task<HostInfo?> HostAsync(FieldPair pair, string host, CancellationToken ct) =>
        (await pair.A.AskAsync<List<HostInfo>>(["agent", "list"], ct)).Find(h => h.Host == host);

    // The other group's instance is at the site's first agent.
    private static async Task CutOverTwoHostsAsync(FieldPair pair, CancellationToken ct)
    {
        var folder = Directory.CreateDirectory(Path.Combine(pair.Directory, "bare")).FullName;
        await using var bare = await BareQemu.StartAsync(folder, disks: 1, 16 << 20);
        await pair.A.MustAsync(["instance", "adopt", "bare", "--qmp", bare.QmpSocket], ct);
        await pair.A.MustAsync(["group", "create", "desk", "--instance", "bare", "--recovery-site", "b",
            "--application", "erp"], ct);
        await pair.A.UntilGroupAsync("desk", FieldSite.IsProtected, Patience, pair.Time, ct);
        SharedPointResult? made = null;
        for (var tries = 0; made is null && tries < 20; tries++)
        {
            // Held for longer than the limit on a busy machine: abandoned, and no point.
            var answer = await pair.A.RunAsync(["application", "cut", "erp", "--label", "both", "-o", "json"], ct);
            Assert.True(answer.ExitCode == 0 || answer.Reason == ReasonCode.Timeout, answer.Talk);
            if (answer.ExitCode == 0)
                made = JsonSerializer.Deserialize<SharedPointResult>(answer.Output, ContractJson.Options);
        }
        Assert.True(made is { Sealed: true }, "no shared point was made");
        Assert.Equal(["desk", FieldPair.Group], made.Point.Points.Keys.Order(StringComparer.Ordinal));
        await pair.A.MustAsync(["group", "delete", "desk"], ct);
    }
}
