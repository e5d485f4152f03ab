// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Testing.Upgrades;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>
/// Agents of this release go on from the directories that former ones were killed over: journal and base image, pins, a
/// view that was open, what was to be done, and a log of writes that had not been shipped.
/// </summary>
public sealed class UpgradeTests : IDisposable
{
    private const string Group = "shop";
    private const int DiskBytes = 8 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _qemus = Directory.CreateTempSubdirectory("lb-vm").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ec9d547")]
    [InlineData("e10a65c")]
    public async Task Agents_go_on_from_what_a_former_release_left(string release)
    {
        using var former = await FormerState.UnpackAsync(release, Ct);
        await using var a = new AgentSite("a");
        await using var b = new AgentSite("b");
        AgentSite.Pair(a, b);
        FormerState.Copy(former.A, a.Paths, "agent");
        FormerState.Copy(former.B, b.Paths, "agent", "replicas");
        await Redirect(a.Paths, "shop", b.LinkAddress, Path.Combine(_qemus, "qmp.sock"));
        await Redirect(a.Paths, "till", b.LinkAddress, Path.Combine(_qemus, "none.sock"));

        await b.StartAsync();
        var pinned = Assert.Single(await b.Client.PointsAsync(Group, Ct), p => p.Label == "second");
        await MustReadAsync(b, pinned.Id, Second());

        // The log alone first: nobody has the guest's disks.
        var before = (await b.Client.ReplicaAsync(Group, Ct)).DurableSequence;
        await a.StartAsync();
        var last = 0L;
        await UntilAsync(async () =>
        {
            last = (await b.Client.ReplicaAsync(Group, Ct)).DurableSequence;
            var status = await a.Client.SourceAsync(Group, Ct);
            return last > before && status.Outbox is { LogBytes: 0 } ? null
                : $"{status.Phase} {status.Reason} {status.Detail} {status.Outbox}, durable {last}, was {before}";
        });

        await File.WriteAllBytesAsync(Path.Combine(_qemus, "disk0.raw"), Third(), Ct);
        await using var qemu = await BareQemu.StartAsync(_qemus, 1, DiskBytes);
        await UntilAsync(async () => await a.Client.SourceAsync(Group, Ct) is var s
            && s.Phase == SourcePhase.Streaming ? null : $"{s.Phase} {s.Reason} {s.Detail}");
        var made = await a.Client.CheckpointAsync(Group, new CheckpointRequest(false, false, "new", Limit), Ct);
        Assert.True(made.Sealed);
        await MustReadAsync(b, made.Point.Id, Third());
        await MustReadAsync(b, pinned.Id, Second());
    }

    public void Dispose() => Directory.Delete(_qemus, recursive: true);

    // As tests/fixtures/upgrade/make wrote them.
    private static byte[] Second()
    {
        var disk = new byte[DiskBytes];
        disk.AsSpan(0, 1 << 20).Fill(0x11);
        disk.AsSpan(1 << 19, 1 << 19).Fill(0x22);
        return disk;
    }

    private static byte[] Third()
    {
        var disk = Second();
        disk.AsSpan(4 << 20, 3 << 20).Fill(0x33);
        return disk;
    }

    // The sites of the fixture had other addresses.
    private static async Task Redirect(SitePaths site, string group, string target, string monitor)
    {
        var file = Path.Combine(site.AgentState, "sources", group + ".json");
        var spec = JsonNode.Parse(await File.ReadAllTextAsync(file, Ct))!;
        spec["target"] = target;
        foreach (var part in spec["volumes"]!.AsArray().Concat(spec["instances"]!.AsArray()))
            part!["qmpSocket"] = monitor;
        await File.WriteAllTextAsync(file, spec.ToJsonString(), Ct);
    }

    private static async Task MustReadAsync(AgentSite site, Guid point, byte[] expected)
    {
        var view = await site.Client.OpenViewAsync(Group, new ViewRequest("compare", point, null, false), Ct);
        var read = await ProtectedQemu.ReadAsync(Assert.Single(view.Volumes));
        Assert.True(read.AsSpan().SequenceEqual(expected), $"point {point} differs");
        await site.Client.CloseViewAsync(Group, "compare", Ct);
    }

    /// <param name="lacks">Null once it is so; else what is instead.</param>
    private static async Task UntilAsync(Func<Task<string?>> lacks)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await lacks() is { } instead)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Limit, instead);
            await Task.Delay(100, Ct);
        }
    }
}
