// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;
using Lifeboat.Testing.Nbd;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites;

/// <summary>A guest over read-only views keeps its writes, moves to files of the site, and needs no view
/// then.</summary>
public sealed class QemuSiteMoveTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_running_guest_moves_from_its_views_to_native_files()
    {
        await using var bench = new SiteBench();
        var (disks, request) = await PrepareAsync(bench);
        var before = await HashAsync(disks);
        var views = await ServeAsync(bench, disks);

        var started = await bench.Site.StartAsync(request, bench.Ct);
        Assert.All(started.Disks, d => Assert.False(d.Native));
        await bench.Witness.History.WaitForAcksAsync("guest", 50, bench.Ct);
        // Stopped and started: what it wrote is in its overlays.
        await bench.Site.StopAsync("vm1", bench.Ct);
        await bench.Site.StartAsync(request, bench.Ct);
        await bench.RecordsOfBootAsync(2);

        // The agent that serves the views restarts: guest and move wait for it and go on.
        foreach (var view in views) await EndAsync(view, bench.Ct);
        foreach (var disk in request.Disks) File.Delete(disk.ViewSocket!);
        views = await ServeAsync(bench, disks);

        var clock = Stopwatch.StartNew();
        await bench.Able<IMovesToNative>().MoveToNativeAsync("vm1", new Progress<double>(), bench.Ct);
        output.WriteLine($"moved {disks.Count} disks in {clock.Elapsed.TotalSeconds:F1} s");
        await bench.Able<IMovesToNative>().MoveToNativeAsync("vm1", new Progress<double>(), bench.Ct);

        foreach (var view in views) await EndAsync(view, bench.Ct);
        await AssertNativeAndAliveAsync(bench, generation: 2);
        Assert.Equal(before, await HashAsync(disks));

        // And again from the native files, without any view.
        await bench.Site.ShutDownAsync("vm1", TimeSpan.FromSeconds(60), bench.Ct);
        await bench.Site.StopAsync("vm1", bench.Ct);
        await bench.Site.StartAsync(request, bench.Ct);
        await bench.GuestUpAsync("vm1");
        await bench.Site.ShutDownAsync("vm1", TimeSpan.FromSeconds(60), bench.Ct);
        await bench.Site.StopAsync("vm1", bench.Ct);
        var native = (await bench.Site.GetAsync("vm1", bench.Ct)).Disks;
        await bench.NothingIsLostAsync(native.Take(2).Select(d => d.File!), output);
        // The disk nobody wrote to is the same byte for byte, and takes no more room than its data.
        Assert.Equal(before[2], (await HashAsync([disks[2] with { Path = native[2].File! }]))[0]);
        Assert.InRange(await AllocatedAsync(native[2].File!, bench.Ct), 8L << 20, 12L << 20);
    }

    [Fact]
    public async Task A_guest_waits_for_its_views_when_the_agent_that_serves_them_is_away_as_it_starts()
    {
        await using var bench = new SiteBench();
        var (disks, request) = await PrepareAsync(bench);

        var starting = bench.Site.StartAsync(request, bench.Ct);
        await Task.Delay(TimeSpan.FromSeconds(3), bench.Ct);
        Assert.False(starting.IsCompleted);
        var views = await ServeAsync(bench, disks);
        await starting;
        await bench.Witness.History.WaitForAcksAsync("guest", 20, bench.Ct);
        await bench.Site.StopAsync("vm1", bench.Ct);
        foreach (var view in views) await EndAsync(view, bench.Ct);

        // One that does not come back is told with QEMU's words, before the start's own limit.
        bench.Reopen("""{ "startLimit": "00:00:12" }""");
        foreach (var disk in request.Disks) File.Delete(disk.ViewSocket!);
        var failed = await Assert.ThrowsAsync<SiteException>(() => bench.Site.StartAsync(request, bench.Ct));
        Assert.Equal(SiteFault.Refused, failed.Fault);
        Assert.Contains(request.Disks[0].ViewSocket!, failed.Message);
    }

    [Fact]
    public async Task A_controller_killed_in_the_middle_of_the_move_goes_on_where_it_was()
    {
        await using var bench = new SiteBench();
        var (disks, request) = await PrepareAsync(bench);
        var views = await ServeAsync(bench, disks);
        bench.Reopen("""{ "moveBytesPerSecond": 1048576 }""");
        var started = await bench.Site.StartAsync(request, bench.Ct);
        await bench.Witness.History.WaitForAcksAsync("guest", 20, bench.Ct);

        for (var kill = 0; kill < 3; kill++)
        {
            using var killed = CancellationTokenSource.CreateLinkedTokenSource(bench.Ct);
            killed.CancelAfter(TimeSpan.FromMilliseconds(700));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                bench.Able<IMovesToNative>().MoveToNativeAsync("vm1", new Progress<double>(), killed.Token));
            bench.Reopen();
        }
        // QEMU itself is killed as well: a half copy counts for nothing, the overlay has it all.
        using (var qemu = Process.GetProcessById(started.ProcessId!.Value)) qemu.Kill();
        await bench.Site.StopAsync("vm1", bench.Ct);
        await bench.Site.StartAsync(request, bench.Ct);
        await bench.RecordsOfBootAsync(2);
        await bench.Able<IMovesToNative>().MoveToNativeAsync("vm1", new Progress<double>(), bench.Ct);
        foreach (var view in views) await EndAsync(view, bench.Ct);
        await AssertNativeAndAliveAsync(bench, generation: 2);
        await bench.Site.ShutDownAsync("vm1", TimeSpan.FromSeconds(60), bench.Ct);
        await bench.Site.StopAsync("vm1", bench.Ct);
        var native = (await bench.Site.GetAsync("vm1", bench.Ct)).Disks;
        await bench.NothingIsLostAsync(native.Take(2).Select(d => d.File!), output);
    }

    [Fact]
    public async Task A_full_target_directory_fails_the_move_and_not_the_guest()
    {
        await using var bench = new SiteBench();
        var (disks, request) = await PrepareAsync(bench);
        var views = await ServeAsync(bench, disks);
        var instances = Directory.CreateDirectory(Path.Combine(bench.Root, "instances")).FullName;
        await HostCommand.MustAsync("mount", ["-t", "tmpfs", "-o", "size=10m", "tmpfs", instances], bench.Ct);
        try
        {
            bench.Reopen("""{ "moveReserveMiB": 3 }""");
            await bench.Site.StartAsync(request, bench.Ct);
            await bench.Witness.History.WaitForAcksAsync("guest", 10, bench.Ct);

            var full = await Assert.ThrowsAsync<SiteException>(() =>
                bench.Able<IMovesToNative>().MoveToNativeAsync("vm1", new Progress<double>(), bench.Ct));

            Assert.Equal(SiteFault.NoSpace, full.Fault);
            output.WriteLine(full.Message);
            Assert.Equal(InstancePower.Running, (await bench.Site.GetAsync("vm1", bench.Ct)).Power);
            Assert.Empty(Directory.EnumerateFiles(instances, "*.raw", SearchOption.AllDirectories));
            var heard = bench.Witness.History.Latest("guest")!.Acks.Count;
            await bench.Witness.History.WaitUntilAsync(
                h => h.Latest("guest")!.Acks.Count > heard + 20, bench.Ct);

            // With room made, the same request goes through.
            await HostCommand.MustAsync("mount", ["-o", "remount,size=200m", instances], bench.Ct);
            await bench.Able<IMovesToNative>().MoveToNativeAsync("vm1", new Progress<double>(), bench.Ct);
            foreach (var view in views) await EndAsync(view, bench.Ct);
            await AssertNativeAndAliveAsync(bench, generation: 1);
        }
        finally
        {
            await bench.Site.StopAsync("vm1", CancellationToken.None);
            await bench.Site.RemoveAsync("vm1", CancellationToken.None);
            await HostCommand.MustAsync("umount", [instances], CancellationToken.None);
        }
    }

    [Fact]
    public async Task What_a_drill_writes_goes_to_its_view_and_cannot_move()
    {
        await using var bench = new SiteBench();
        var (disks, request) = await PrepareAsync(bench);
        var views = await ServeAsync(bench, disks, writable: true);
        await bench.Site.StartAsync(
            request with { Disks = [.. request.Disks.Select(d => d with { KeepWrites = false })] }, bench.Ct);
        await bench.Witness.History.WaitForAcksAsync("guest", 5, bench.Ct);
        var refused = await Assert.ThrowsAsync<SiteException>(() =>
            bench.Able<IMovesToNative>().MoveToNativeAsync("vm1", new Progress<double>(), bench.Ct));
        Assert.Equal(SiteFault.Refused, refused.Fault);
        await bench.Site.StopAsync("vm1", bench.Ct);
        foreach (var view in views) await EndAsync(view, bench.Ct);
        Assert.False(Directory.Exists(Path.Combine(bench.Root, "instances", "vm1", "disks")));
    }

    private static async Task<(IReadOnlyList<OracleDisk>, StartRequest)> PrepareAsync(SiteBench bench)
    {
        var disks = await bench.DisksAsync(OracleFileSystem.Ext4, OracleFileSystem.Raw, OracleFileSystem.Raw);
        // The third disk is not the guest's business: data in it, holes around.
        var data = new byte[8 << 20];
        for (var i = 0; i < data.Length; i++) data[i] = (byte)(i * 31 + (i >> 12) + 1);
        await using (var file = File.OpenWrite(disks[2].Path))
        {
            file.Position = 16 << 20;
            await file.WriteAsync(data, bench.Ct);
        }
        var description = await bench.DescribeAsync("vm1", disks);
        var kernel = description.Kernel!;
        description = description with
        {
            Kernel = kernel with
            {
                CommandLine = kernel.CommandLine.Replace("oracle.disks=3", "oracle.disks=vda:ext4,vdb:raw",
                    StringComparison.Ordinal),
            },
        };
        return (disks, new StartRequest
        {
            Instance = "vm1",
            Description = description,
            Disks = [.. disks.Select((d, i) => new DiskSource(description.Disks[i].Name, null,
                Path.Combine(bench.Root, $"view{i}.sock"), "", KeepWrites: true))],
        });
    }

    private static async Task<IReadOnlyList<Process>> ServeAsync(SiteBench bench, IReadOnlyList<OracleDisk> disks,
        bool writable = false)
    {
        var served = new List<Process>();
        for (var i = 0; i < disks.Count; i++)
        {
            var socket = Path.Combine(bench.Root, $"view{i}.sock");
            string[] how = writable ? ["--filter=cow"] : ["-r"];
            var info = new ProcessStartInfo("nbdkit", ["-f", "-U", socket, .. how, "file", disks[i].Path]);
            served.Add(LastingStarter.Start(info));   // a pool thread that retires would take nbdkit with it
            while (!File.Exists(socket)) await Task.Delay(10, bench.Ct);
        }
        return served;
    }

    private static async Task EndAsync(Process process, CancellationToken ct)
    {
        process.Kill();
        await process.WaitForExitAsync(ct);
        process.Dispose();
    }

    private static async Task AssertNativeAndAliveAsync(SiteBench bench, int generation)
    {
        var now = await bench.Site.GetAsync("vm1", bench.Ct);
        Assert.All(now.Disks, d => Assert.True(d.Native));
        Assert.All(now.Disks, d => Assert.EndsWith($"{d.Name}.raw", d.File!, StringComparison.Ordinal));
        Assert.Equal(InstancePower.Running, now.Power);
        Assert.Empty(Directory.EnumerateFiles(bench.Root, "*.qcow2", SearchOption.AllDirectories));
        var heard = bench.Witness.History.Latest("guest")!.Acks.Count;
        await bench.Witness.History.WaitUntilAsync(
            h => h.Latest("guest")!.Generation == generation && h.Latest("guest")!.Acks.Count > heard + 20, bench.Ct);
    }

    private static async Task<IReadOnlyList<string>> HashAsync(IEnumerable<OracleDisk> disks)
    {
        var hashes = new List<string>();
        foreach (var disk in disks)
        {
            await using var file = File.OpenRead(disk.Path);
            hashes.Add(Convert.ToHexString(await System.Security.Cryptography.SHA256.HashDataAsync(file)));
        }
        return hashes;
    }

    private static async Task<long> AllocatedAsync(string file, CancellationToken ct) =>
        512 * long.Parse(await HostCommand.MustAsync("stat", ["-c", "%b", file], ct),
            System.Globalization.CultureInfo.InvariantCulture);
}
