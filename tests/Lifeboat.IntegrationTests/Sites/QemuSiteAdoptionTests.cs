// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Qemu;
using Lifeboat.Sites;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites;

/// <summary>Guests that somebody started by hand, in the styles people use, are read and left as they are.</summary>
public sealed class QemuSiteAdoptionTests
{
    private const string Mac2 = "52:54:00:aa:00:02";

    // Short options, relative paths, drives without ids, a CD-ROM, one monitor.
    private static readonly string[] ShortStyle =
    [
        "-machine", "pc", "-m", "192", "-drive", "file=images/disk0.img,if=virtio,format=raw",
        "-hda", "b.qcow2", "-drive", "file=cd.iso,media=cdrom,format=raw",
        "-nic", $"user,model=e1000,mac={SiteBench.Mac}", "-nic", $"user,model=virtio-net-pci,mac={Mac2}",
    ];

    // Everything explicit, on other buses, with names of the user's own.
    private static readonly string[] LongStyle =
    [
        "-nodefaults", "-machine", "q35", "-m", "192", "-smp", "2", "-device", "virtio-scsi-pci,id=ctl",
        "-blockdev", "driver=file,node-name=f0,filename=images/disk0.img",
        "-blockdev", "driver=raw,node-name=n0,file=f0",
        "-device", "scsi-hd,drive=n0,id=Root_Disk,bus=ctl.0,scsi-id=3,serial=ROOT1,bootindex=1",
        "-blockdev", "driver=file,node-name=f1,filename=b.qcow2", "-blockdev", "driver=qcow2,node-name=n1,file=f1",
        "-device", "nvme,drive=n1,id=fast,serial=FAST1",
        "-netdev", "user,id=u0", "-device", $"virtio-net-pci,netdev=u0,mac={SiteBench.Mac}",
    ];

    [Fact]
    public async Task The_short_style_is_read_as_it_is()
    {
        await using var bench = new SiteBench();
        using var qemu = await StartAsync(bench, ShortStyle);

        var adopted = await AdoptAsync(bench);

        Assert.True(adopted.Adopted);
        Assert.Equal(qemu.Id, adopted.ProcessId);
        Assert.StartsWith("pc-i440fx-", adopted.Description.Machine, StringComparison.Ordinal);
        AssertCommon(bench, adopted, "virtio0", "ide0-hd0");
        Assert.Equal(["ide", "virtio"], adopted.Description.Disks.Select(d => d.Bus));
        Assert.Equal([("e1000", SiteBench.Mac), ("virtio", Mac2)],
            adopted.Description.Nics.Select(n => (n.Model, n.Mac)));
        await GoneWhenStoppedAsync(bench, qemu);
    }

    [Fact]
    public async Task The_long_style_is_read_as_it_is()
    {
        await using var bench = new SiteBench();
        using var qemu = await StartAsync(bench, LongStyle);

        var adopted = await AdoptAsync(bench);

        Assert.StartsWith("pc-q35-", adopted.Description.Machine, StringComparison.Ordinal);
        Assert.Equal(2, adopted.Description.Cpus);
        AssertCommon(bench, adopted, "root-disk", "fast");
        Assert.Equal([("scsi", "ROOT1"), ("nvme", "FAST1")],
            adopted.Description.Disks.Select(d => (d.Bus, d.Serial!)));
        await GoneWhenStoppedAsync(bench, qemu);
    }

    [Fact]
    public async Task Adopting_again_changes_nothing_and_forgetting_leaves_it_running()
    {
        await using var bench = new SiteBench();
        using var qemu = await StartAsync(bench, LongStyle);
        var first = await AdoptAsync(bench);

        bench.Reopen();
        var second = await AdoptAsync(bench);
        Assert.Equal(first.Disks, second.Disks);
        var taken = await Assert.ThrowsAsync<SiteException>(() => bench.Able<IAdoptsInstances>()
            .AdoptAsync(new AdoptRequest("other", Path.Combine(bench.Root, "q.sock"), null), bench.Ct));
        Assert.Equal(SiteFault.InstanceExists, taken.Fault);

        await bench.Site.RemoveAsync("vm1", bench.Ct);
        Assert.False(qemu.HasExited);
        Assert.Empty(await bench.Site.ListAsync(bench.Ct));
        await AdoptAsync(bench);
        await GoneWhenStoppedAsync(bench, qemu);
    }

    [Fact]
    public async Task A_missing_or_busy_monitor_is_said_clearly()
    {
        await using var bench = new SiteBench();
        var missing = await Assert.ThrowsAsync<SiteException>(() => AdoptAsync(bench));
        Assert.Equal(SiteFault.MonitorUnreachable, missing.Fault);
        Assert.Contains("q.sock", missing.Message, StringComparison.Ordinal);

        using var qemu = await StartAsync(bench, LongStyle);
        await using (await MonitorAsync(bench))
        {
            var busy = await Assert.ThrowsAsync<SiteException>(() => AdoptAsync(bench));
            Assert.Equal(SiteFault.MonitorUnreachable, busy.Fault);
        }
        await AdoptAsync(bench);
        await GoneWhenStoppedAsync(bench, qemu);
    }

    [Fact]
    public async Task Agent_and_driver_share_one_monitor_without_failing_each_other()
    {
        await using var bench = new SiteBench();
        using var qemu = await StartAsync(bench, LongStyle);
        await AdoptAsync(bench);

        // What the agent does while it captures: short conversations, one after the other.
        using var stop = new CancellationTokenSource();
        var agent = Task.Run(async () =>
        {
            for (var talks = 0; ; talks++)
            {
                if (stop.IsCancellationRequested) return talks;
                await using var qmp = await MonitorAsync(bench);
                await qmp.ExecuteAsync("query-block", null, bench.Ct);
            }
        }, bench.Ct);
        for (var i = 0; i < 50; i++)
            Assert.Equal(InstancePower.Running, (await bench.Site.GetAsync("vm1", bench.Ct)).Power);
        await stop.CancelAsync();
        Assert.True(await agent > 10);
        await GoneWhenStoppedAsync(bench, qemu);
    }

    [Fact]
    public async Task An_adopted_guest_shuts_down_with_its_disks_open_and_starts_as_ours_later()
    {
        await using var bench = new SiteBench();
        var disks = await bench.DisksAsync(OracleFileSystem.Ext4, OracleFileSystem.Raw);
        var workload = OracleWorkload.Default with { Pause = TimeSpan.FromMilliseconds(5) };
        await using var vm = await OracleVm.StartAsync(new OracleVmOptions
        {
            Name = "guest", Directory = Path.Combine(bench.Root, "vm"), Disks = disks, Workload = workload,
            Guest = await OracleGuest.BuildAsync(bench.Ct), WitnessSocket = bench.WitnessSocket,
        }, bench.Ct);
        var adopted = await bench.Able<IAdoptsInstances>()
            .AdoptAsync(new AdoptRequest("vm1", vm.QmpSocket, vm.GuestAgentSocket), bench.Ct);
        Assert.Equal([new InstanceChannel("lifeboat.witness", bench.WitnessSocket)], adopted.Description.Channels);
        await vm.WaitForGuestAgentAsync(bench.Ct);
        await bench.Witness.History.WaitForAcksAsync("guest", 10, bench.Ct);

        await bench.Site.ShutDownAsync("vm1", TimeSpan.FromSeconds(60), bench.Ct);
        Assert.True(vm.Running);
        Assert.Equal(InstancePower.ShutDown, (await bench.Site.GetAsync("vm1", bench.Ct)).Power);
        await bench.Able<IRestartsInstances>().RestartAsync("vm1", bench.Ct);
        await bench.RecordsOfBootAsync(2);
        await bench.Site.StopAsync("vm1", bench.Ct);
        Assert.False(vm.Running);

        // From the disks it had: no source is named.
        var again = new StartRequest { Instance = "vm1", Description = adopted.Description, Disks = [] };
        await bench.Site.StartAsync(again, bench.Ct);
        await bench.RecordsOfBootAsync(3);
        Assert.False((await bench.Site.GetAsync("vm1", bench.Ct)).Adopted);
    }

    private static void AssertCommon(SiteBench bench, SiteInstance adopted, string image0, string image1)
    {
        string[] names = [image0, image1];
        Assert.Equal(names.Order(), adopted.Description.Disks.Select(d => d.Name).Order());
        var byName = adopted.Disks.ToDictionary(d => d.Name);
        Assert.Equal((Path.Combine(bench.Root, "images", "disk0.img"), "raw", 64L << 20),
            (byName[image0].File, byName[image0].Format, byName[image0].SizeBytes));
        Assert.Equal((Path.Combine(bench.Root, "b.qcow2"), "qcow2", 32L << 20),
            (byName[image1].File, byName[image1].Format, byName[image1].SizeBytes));
        Assert.All(adopted.Description.Disks, d => Assert.Equal(byName[d.Name].SizeBytes, d.SizeBytes));
        Assert.Equal(192, adopted.Description.MemoryMiB);
        Assert.Equal("max", adopted.Description.CpuModel);
        Assert.True(adopted.Description.GuestAgent);
        Assert.False(adopted.Description.Uefi);
        Assert.Equal(Path.Combine(bench.Root, "vmlinuz"), adopted.Description.Kernel!.KernelFile);
        Assert.Equal(Path.Combine(bench.Root, "initrd"), adopted.Description.Kernel.InitrdFile);
        Assert.Equal("console=ttyS0 oracle.disks=0, with a comma", adopted.Description.Kernel.CommandLine);
    }

    private static Task<QmpClient> MonitorAsync(SiteBench bench) => QmpClient.ConnectAsync(
        Path.Combine(bench.Root, "q.sock"), QmpOptions.Default, TimeProvider.System, bench.Ct);

    private static Task<SiteInstance> AdoptAsync(SiteBench bench) => bench.Able<IAdoptsInstances>().AdoptAsync(
        new AdoptRequest("vm1", Path.Combine(bench.Root, "q.sock"), null), bench.Ct);

    private static async Task GoneWhenStoppedAsync(SiteBench bench, Process qemu)
    {
        await bench.Site.StopAsync("vm1", bench.Ct);
        Assert.True(qemu.WaitForExit(TimeSpan.FromSeconds(1)));
        Assert.Equal(InstancePower.Stopped, (await bench.Site.GetAsync("vm1", bench.Ct)).Power);
    }

    private static async Task<Process> StartAsync(SiteBench bench, string[] style)
    {
        var guest = await OracleGuest.BuildAsync(bench.Ct);
        await bench.DisksAsync(OracleFileSystem.Raw);
        File.Copy(guest.KernelFile, Path.Combine(bench.Root, "vmlinuz"), overwrite: true);
        File.Copy(guest.InitrdFile, Path.Combine(bench.Root, "initrd"), overwrite: true);
        await HostCommand.MustAsync("qemu-img",
            ["create", "-q", "-f", "qcow2", Path.Combine(bench.Root, "b.qcow2"), "32M"], bench.Ct);
        await using (var cd = File.Create(Path.Combine(bench.Root, "cd.iso"))) cd.SetLength(1 << 20);
        var start = new ProcessStartInfo("qemu-system-x86_64",
        [
            "-accel", "tcg", "-cpu", "max", "-display", "none", "-kernel", "vmlinuz", "-initrd", "initrd",
            "-append", "console=ttyS0 oracle.disks=0, with a comma",
            "-qmp", "unix:q.sock,server=on,wait=off", "-device", "virtio-serial",
            "-chardev", "socket,path=qga.sock,server=on,wait=off,id=qga0",
            "-device", "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0", .. style,
        ])
        { WorkingDirectory = bench.Root };
        var qemu = Process.Start(start)!;
        while (!File.Exists(Path.Combine(bench.Root, "q.sock")))
        {
            Assert.False(qemu.HasExited, "QEMU did not start");
            await Task.Delay(20, bench.Ct);
        }
        return qemu;
    }
}
