// SPDX-License-Identifier: Apache-2.0
using System.Xml.Linq;
using Lifeboat.Agent.LibvirtGate;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.IntegrationTests.Libvirt;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>A domain of a real libvirt, walked through its life with the command and with virsh.</summary>
[Collection(LifeCollection.Name)]
public sealed class LibvirtLifeTests
{
    private const string Name = "web";
    private static readonly TimeSpan Boot = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task A_domain_is_protected_through_its_restarts_drilled_and_moved_without_loss()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var libvirt = await PrivateLibvirt.StartAsync(ct);
        await using var pair = await FieldPair.StartAsync(ct);
        await StartGuestAsync(libvirt, pair, ct);

        await pair.A.MustAsync(["instance", "adopt", Name, "--qmp", libvirt.Address(Name)], ct);
        await pair.ProtectWithAsync(
            ["group", "create", FieldPair.Group, "--instance", Name, "--recovery-site", "b"], ct);
        await ProveQuiescedAsync(pair, ct);

        await WorkOnDisksAsync(libvirt, pair, ct);
        await pair.UntilProtectedAsync(pair.A, Boot, ct);
        await ProveQuiescedAsync(pair, ct);

        // Another process, of which nobody tells us.
        await libvirt.VirshAsync(ct, "destroy", Name);
        await libvirt.VirshAsync(ct, "start", Name);
        await pair.Witness.History.WaitUntilAsync(h => h.Latest(Name) is { Acks.Count: > 20, Generation: 2 }, ct)
            .WaitAsync(Boot, ct);
        await pair.UntilProtectedAsync(pair.A, Boot, ct);
        await ProveQuiescedAsync(pair, ct);

        var drill = await pair.B.AskAsync<RunInfo>(["drill", FieldPair.Group], ct);
        Assert.Equal(RunState.Succeeded, drill.State);

        var moved = await pair.B.AskAsync<RunInfo>(["failover", FieldPair.Group, "--planned"], ct);
        Assert.Equal(RunState.Succeeded, moved.State);
        await pair.Witness.History.WaitForAcksAsync(Name, 50, ct).WaitAsync(Boot, ct);
        var runs = pair.Witness.History.Runs(Name);
        Assert.True(runs[^2].LastAcked()!.Value.N <= runs[^1].LastAtBoot, "a planned failover loses nothing");
        Assert.Equal("shut off", await libvirt.VirshAsync(ct, "domstate", Name));
    }

    [Fact]
    public async Task A_domain_whose_policy_says_so_is_replicated_each_time_it_is_shut_down()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var libvirt = await PrivateLibvirt.StartAsync(ct);
        await using var pair = await FieldPair.StartAsync(ct);
        await StartGuestAsync(libvirt, pair, ct);
        await pair.A.MustAsync(["instance", "adopt", Name, "--qmp", libvirt.Address(Name)], ct);
        await pair.ProtectWithAsync(["group", "create", FieldPair.Group, "--instance", Name, "--recovery-site", "b",
            "--source", "bitmap", "--source-trigger", "on-shutdown"], ct);

        for (var round = 0; round < 2; round++)
        {
            var before = (await pair.A.AskAsync<GroupInfo>(["group", "get", FieldPair.Group], ct)).Source!.LastSealed!;
            await libvirt.VirshAsync(ct, "destroy", Name);
            var group = await pair.UntilAsync(
                pair.A, g => g.Source?.LastSealed is { } p && p.Id != before.Id, Boot, ct);
            Assert.Equal(GroupState.Protected, group.State);
            // All that it has acknowledged, ever.
            var proof = await pair.ProveAsync(
                pair.B, group.Source!.LastSealed!.Id, Name, new OracleExpectation { LostMax = 0 }, ct);
            Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
            await libvirt.VirshAsync(ct, "start", Name);
            await pair.Witness.History.WaitUntilAsync(h => h.Latest(Name) is { Acks.Count: > 20 } run
                && run.Generation == round + 2, ct).WaitAsync(Boot, ct);
            // What is written from here on lies in an overlay, which libvirt says all about.
            await libvirt.VirshAsync(ct, "snapshot-create-as", Name, $"over{round}", "--disk-only", "--no-metadata",
                "--diskspec", $"vda,file={Path.Combine(libvirt.Directory, "images", $"over{round}.qcow2")}",
                "--diskspec", "vdb,snapshot=no");
            await Task.Delay(TimeSpan.FromSeconds(2), ct);
        }
        // No promise is broken by a guest that just runs.
        await Task.Delay(TimeSpan.FromSeconds(4), ct);
        Assert.Equal(GroupState.Protected, (await pair.B.AskAsync<GroupInfo>(
            ["group", "get", FieldPair.Group], ct)).State);

        var moved = await pair.B.AskAsync<RunInfo>(["failover", FieldPair.Group, "--planned"], ct);
        Assert.Equal(RunState.Succeeded, moved.State);
        await pair.Witness.History.WaitForAcksAsync(Name, 50, ct).WaitAsync(Boot, ct);
        var runs = pair.Witness.History.Runs(Name);
        Assert.True(runs[^2].LastAcked()!.Value.N <= runs[^1].LastAtBoot, "a planned failover loses nothing");
    }

    // As Nova does it, whose connection to libvirt goes through the gate.
    private static async Task WorkOnDisksAsync(PrivateLibvirt libvirt, FieldPair pair, CancellationToken ct)
    {
        using var gate = new GateHost(new GateOptions(Path.Combine(libvirt.Directory, "gate"),
            Path.Combine(libvirt.Directory, "libvirt-sock"), pair.A.Paths.AgentSocket), TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var serving = gate.RunAsync(stop.Token);
        Task VirshAsync(params string[] arguments) => PrivateLibvirt.VirshAtAsync(
            $"qemu+unix:///system?socket={libvirt.Directory}/gate", ct, arguments);

        string Overlay(string name) => Path.Combine(libvirt.Directory, "images", $"{name}.qcow2");
        var disk = await libvirt.VirshAsync(ct, "domblklist", Name);
        var first = disk.Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        foreach (var snapshot in (string[])["one", "two"])
            await VirshAsync("snapshot-create-as", Name, snapshot, "--disk-only", "--no-metadata",
                "--diskspec", $"vda,file={Overlay(snapshot)}", "--diskspec", "vdb,snapshot=no");
        await VirshAsync("blockcommit", Name, "vda", "--top", Overlay("one"), "--base", first, "--wait");
        await VirshAsync("blockcopy", Name, "vda", Overlay("copy"), "--shallow", "--transient-job", "--wait");
        await VirshAsync("blockjob", Name, "vda", "--abort");
        await VirshAsync("blockresize", Name, "vdb", $"{96 << 10}");
        // Snapshots of a volume on NFS that come and go: each deletion is a stream.
        for (var round = 0; round < 10; round++)
        {
            await VirshAsync("snapshot-create-as", Name, $"passing{round}", "--disk-only", "--no-metadata",
                "--diskspec", $"vda,file={Overlay($"passing{round}")}", "--diskspec", "vdb,snapshot=no");
            await VirshAsync("blockpull", Name, "vda", "--wait");
        }
        await stop.CancelAsync();
        await serving;
    }

    private static async Task StartGuestAsync(PrivateLibvirt libvirt, FieldPair pair, CancellationToken ct)
    {
        var guest = await OracleGuest.BuildAsync(ct);
        var disks = await OracleDisk.CreateAllAsync(Path.Combine(libvirt.Directory, "images"), 64 << 20,
            [OracleFileSystem.Ext4, OracleFileSystem.Raw], ct);
        var witness = Path.Combine(libvirt.Directory, "wit.sock");
        pair.Witness.Listen(Name, witness);
        var work = OracleWorkload.Default with { LoadWriters = 1 };
        await libvirt.StartAsync(Name, [.. disks.Select(d => (d.Path, "raw"))], 256,
            [
                new XElement("kernel", guest.KernelFile), new XElement("initrd", guest.InitrdFile),
                new XElement("cmdline", work.CommandLine(disks.Count)),
            ],
            [
                Channel("org.qemu.guest_agent.0", new XElement("source", new XAttribute("mode", "bind"))),
                Channel("lifeboat.witness", new XElement("source", new XAttribute("mode", "connect"),
                    new XAttribute("path", witness),
                    new XElement("reconnect", new XAttribute("enabled", "yes"), new XAttribute("timeout", 1)))),
                new XElement("rng", new XAttribute("model", "virtio"),
                    new XElement("backend", new XAttribute("model", "random"), "/dev/urandom")),
            ], ct);
        await pair.Witness.History.WaitForAcksAsync(Name, 30, ct).WaitAsync(Boot, ct);
    }

    private static XElement Channel(string name, XElement source) => new("channel", new XAttribute("type", "unix"),
        source, new XElement("target", new XAttribute("type", "virtio"), new XAttribute("name", name)));

    private static async Task ProveQuiescedAsync(FieldPair pair, CancellationToken ct)
    {
        var cut = await pair.A.AskAsync<CheckpointResult>(["point", "create", FieldPair.Group, "--quiesce"], ct);
        Assert.True(cut.Point.Consistency == Consistency.Application, cut.Point.Note);
        var proof = await pair.ProveAsync(
            pair.B, cut.Point.Id, Name, new OracleExpectation { MustEndWithMark = true }, ct);
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
    }
}
