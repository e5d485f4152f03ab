// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>A disk is plugged into a running, protected guest, written to, and taken into its group.</summary>
[Collection(LifeCollection.Name)]
public sealed class PluggedDiskTests
{
    private const string Name = "plug.extra";
    private const long ExtraBytes = 24 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    [Fact]
    public Task A_failover_to_a_point_after_it_was_taken_in_has_the_disk() => WithPairAsync(async (pair, vm, ct) =>
    {
        var point = await TakeInAsync(pair, vm, ct);
        var folder = Path.Combine(pair.Directory, "after");
        await pair.B.MustAsync(["point", "export", FieldPair.Group, "--point", $"{point}", "--to", folder], ct);
        var images = Directory.GetFiles(folder, "*.img").Order(StringComparer.Ordinal).ToArray();
        var extra = images.Single(f => f.Contains(Name, StringComparison.Ordinal));
        Assert.True(Same(await File.ReadAllBytesAsync(Extra(pair), ct), await File.ReadAllBytesAsync(extra, ct)),
            "the point differs from the disk that was plugged in");
        var proof = await OracleChecker.CheckAsync([.. images.Where(f => f != extra).Select(f => new OracleImage(f))],
            new OracleExpectation
            {
                Guest = vm.Options.Name, Witness = pair.Witness.History, WorkDirectory = pair.Directory,
            }, ct);
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));

        pair.A.KillEverything();
        await vm.KillAsync(ct);
        var failover = await pair.B.AskAsync<RunInfo>(["failover", FieldPair.Group, "--point", $"{point}"], ct);
        Assert.True(failover.State is RunState.Succeeded, $"{failover.State} {failover.Detail}");
        var there = await InstanceAsync(pair.B, ct);
        Assert.Equal(["vd0", "vd1", "extra"], there.Disks.Select(d => d.Name));
        Assert.Equal(ExtraBytes, there.Disks[2].SizeBytes);
    });

    [Fact]
    public Task A_failover_to_a_point_before_it_goes_on_without_it_and_is_protected_again() =>
        WithPairAsync(async (pair, vm, ct) =>
        {
            await TakeInAsync(pair, vm, ct);
            var points = await pair.B.AskAsync<List<RecoveryPoint>>(["point", "list", FieldPair.Group], ct);
            var before = points.Last(p => p.Without is [Name]);
            pair.A.KillEverything();
            await vm.KillAsync(ct);
            var content = await File.ReadAllBytesAsync(Extra(pair), ct);
            var failover = await pair.B.AskAsync<RunInfo>(
                ["failover", FieldPair.Group, "--source-is-dead", "--point", $"{before.Id}"], ct);
            Assert.True(failover.State is RunState.SucceededWithWarnings, $"{failover.State} {failover.Detail}");
            Assert.Equal(["vd0", "vd1"], (await InstanceAsync(pair.B, ct)).Disks.Select(d => d.Name));

            await pair.A.StartAsync(ct);
            await pair.UntilAsync(pair.A, g => g.Definition.PrimarySite == "b", Limit, ct);
            var reprotect = await pair.B.AskAsync<RunInfo>(["reprotect", FieldPair.Group], ct);
            Assert.True(reprotect.State is RunState.Succeeded, $"{reprotect.State} {reprotect.Detail}");
            var group = await pair.UntilProtectedAsync(pair.B, Limit, ct);
            Assert.Equal([Name], group.Definition.Former.Select(f => f.Volume.Name));
            Assert.Equal(["plug.vd0", "plug.vd1"], group.Source!.Volumes.Select(v => v.Name));
            Assert.True(Same(content, await File.ReadAllBytesAsync(Extra(pair), ct)),
                "what gave way is not as it was");
            await pair.Witness.History.WaitForAcksAsync(vm.Options.Name, 30, ct).WaitAsync(Limit, ct);
        });

    private static async Task WithPairAsync(Func<FieldPair, OracleVm, CancellationToken, Task> story)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("plug", OracleWorkload.Default with { LoadWriters = 1 },
            OracleBus.VirtioScsi, [(64L << 20, OracleFileSystem.Ext4), (32L << 20, OracleFileSystem.Raw)], ct);
        await pair.ProtectAsync(vm, ["--checkpoint-interval", "500ms"], ct);
        await story(pair, vm, ct);
    }

    /// <summary>Plugged in, seen, taken in while it is written to.</summary>
    /// <returns>A point that has it, cut when nobody wrote to it any more.</returns>
    private static async Task<Guid> TakeInAsync(FieldPair pair, OracleVm vm, CancellationToken ct)
    {
        await PlugAsync(pair, vm, ct);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var writing = WriteAsync(vm, stop.Token);
        await pair.UntilAsync(pair.A, g => g.Source?.Unprotected is [{ Volume: Name }], Limit, ct);
        Assert.Contains($"lifeboat volume protect {FieldPair.Group} {Name}",
            (await pair.A.RunAsync(["status"], ct)).Output, StringComparison.Ordinal);
        await pair.A.MustAsync(["volume", "protect", FieldPair.Group, Name], ct);
        await pair.UntilAsync(pair.A, g => FieldSite.IsProtected(g) && g.Source?.Volumes is { Count: 3 } volumes
            && volumes.All(v => v.Captured), Limit, ct);
        await stop.CancelAsync();
        Assert.True(await writing > 0, "nothing was written meanwhile");
        var made = await pair.A.AskAsync<CheckpointResult>(["point", "create", FieldPair.Group], ct);
        Assert.True(made.Sealed);
        return made.Point.Id;
    }

    private static async Task PlugAsync(FieldPair pair, OracleVm vm, CancellationToken ct)
    {
        await using (var file = File.Create(Extra(pair))) file.SetLength(ExtraBytes);
        await vm.AskMonitorAsync("blockdev-add", new JsonObject
        {
            ["driver"] = "raw", ["node-name"] = "extra-node",
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = Extra(pair) },
        }, ct);
        await vm.AskMonitorAsync("device_add", new JsonObject
        {
            ["driver"] = "scsi-hd", ["bus"] = "scsi0.0", ["scsi-id"] = 7, ["drive"] = "extra-node", ["id"] = "extra",
        }, ct);
    }

    // Through the disk's front end, as a guest's writes go.
    private static async Task<int> WriteAsync(OracleVm vm, CancellationToken ct)
    {
        for (var i = 0; ; i++)
        {
            if (ct.IsCancellationRequested) return i;
            var (pattern, at) = (1 + i % 250, i * 37 % (ExtraBytes / 4096) * 4096);
            var answer = await vm.AskMonitorAsync("human-monitor-command", new JsonObject
            {
                ["command-line"] = $"qemu-io -d extra \"write -P {pattern} {at} 4096\"",
            }, CancellationToken.None);
            Assert.DoesNotContain("rror", answer.GetString());
        }
    }

    private static bool Same(byte[] one, byte[] other) => one.AsSpan().SequenceEqual(other);

    private static string Extra(FieldPair pair) => Path.Combine(pair.Directory, "extra.raw");

    private static async Task<SiteInstance> InstanceAsync(FieldSite site, CancellationToken ct) =>
        (await site.AskAsync<List<SiteInstance>>(["instance", "list"], ct)).Single(i => i.Name == "plug");
}
