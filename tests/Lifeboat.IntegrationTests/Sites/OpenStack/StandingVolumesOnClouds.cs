// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Sites;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.IntegrationTests.Sites.OpenStack.Faults;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Standing;
using Lifeboat.Testing;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Nbd;
using Lifeboat.Testing.Oracle;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// A disk with a random history beside its standing volume in a real cloud: whatever is cut short, the volume, read
/// where it lies, is in the end what the point is.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class StandingVolumesOnClouds : IDisposable
{
    private const int Bytes = 24 << 20;
    private const string Instance = "lb-stand-1";
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-st-").FullName;
    private readonly Prng _prng = new(20261130);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("rbd")]
    [InlineData("nfs")]
    public async Task It_is_brought_to_point_after_point_cut_short_and_snapshotted(string type)
    {
        await using var project = await TestProject.CreateAsync("lb-stand", Ct);
        var before = await project.ThingsAsync(Ct);
        using var site = Open(project, type);
        var disk = new DiskHistory(Guid.NewGuid(), Bytes, _prng);
        disk.Write(60);
        var volume = await BringAsync(site, disk, 1);
        Assert.True(volume!.IsAt(disk.Replica, 1));
        Assert.True((await BringAsync(site, disk, 1))!.IsAt(disk.Replica, 1));
        await CheckAsync(project, type, disk, 1, volume);

        // Only what differs is read and written.
        var touched = disk.Write(8, longest: 60_000);
        volume = await BringAsync(site, disk, 2);
        Assert.InRange(volume!.Written, 1, touched + 8 * 8192);
        await CheckAsync(project, type, disk, 2, volume);

        await CutShortAsync(site, disk);
        disk.Write(8);
        volume = await BringAsync(site, disk, 4);
        await CheckAsync(project, type, disk, 4, volume!);

        // Back to an older one, then what nobody knows the changes of, and another replica: it is compared.
        await CheckAsync(project, type, disk, 2, (await BringAsync(site, disk, 2))!);
        disk.Folded = 3;
        await CheckAsync(project, type, disk, 4, (await BringAsync(site, disk, 4))!);
        var other = new DiskHistory(Guid.NewGuid(), Bytes, _prng);
        other.Write(60);
        volume = await BringAsync(site, other, 1);
        await CheckAsync(project, type, other, 1, volume!);

        await SnapshotsAsync(project, site, type, other);
        var standing = Assert.Single(await site.StandingAsync(Ct));
        Assert.Equal(2, standing.Snapshots);
        await site.RemoveStandingAsync(standing, Ct);
        await site.RemoveStandingAsync(standing, Ct);
        Assert.Equal(before, await project.ThingsAsync(Ct));
        Assert.Empty(await project.Cloud.Cinder.SnapshotsAsync(Ct));
    }

    [Fact]
    public async Task A_start_ends_a_round_and_what_is_undone_is_a_standing_volume_again()
    {
        await using var project = await TestProject.CreateAsync("lb-stand", Ct);
        var before = await project.ThingsAsync(Ct);
        using var site = Open(project, "rbd", slow: true, await project.FlavorAsync(1 << 20, Ct));
        var disk = new DiskHistory(Guid.NewGuid(), Bytes, _prng);
        disk.Write(60);
        Assert.NotNull(await BringAsync(site, disk, 1));
        disk.Write(100, longest: 600_000);
        disk.Write(2, longest: 8192);
        // A megabyte a second: it is in the middle when the start comes. That fails, for its flavor fits no host.
        await using var two = Listen(disk, 2, out var socket);
        var round = site.BringAsync(Order(disk, 2, socket), new Progress<StandingProgress>(), Ct);
        await Task.Delay(TimeSpan.FromSeconds(5), Ct);
        Assert.False(round.IsCompleted);
        await using var three = Listen(disk, 3, out var newer);
        var request = new StartRequest
        {
            Instance = Instance,
            Description = Described(),
            Disks = [Source(disk, 3, newer)],
        };
        var failed = await Assert.ThrowsAsync<SiteException>(() => site.StartAsync(request, Ct));
        Assert.Equal(SiteFault.NoRoom, failed.Fault);
        Assert.False((await round)!.IsAt(disk.Replica, 2));
        await site.StopAsync(Instance, Ct);
        var standing = Assert.Single(await site.StandingAsync(Ct));
        Assert.True(standing.IsAt(disk.Replica, 3), $"{standing}");
        await CheckAsync(project, "rbd", disk, 3, standing);
        await site.RemoveStandingAsync(standing, Ct);
        Assert.Equal(before, await project.ThingsAsync(Ct));
    }

    private async Task CutShortAsync(OpenStackSite site, DiskHistory disk)
    {
        disk.Write(40);
        var export = disk.Export(3, "vda");
        export.FailsAfter = 1 << 20;
        await using var server = Listen(export, out var socket);
        await Assert.ThrowsAsync<SiteException>(
            () => site.BringAsync(Order(disk, 3, socket), new Progress<StandingProgress>(), Ct));
        var torn = Assert.Single(await site.StandingAsync(Ct));
        Assert.Equal((2, 3), (torn.Low, torn.High));
    }

    // A snapshot of each application-consistent point, the last two kept; each is what a user can make a volume from.
    private async Task SnapshotsAsync(TestProject project, OpenStackSite site, string type, DiskHistory disk)
    {
        for (var i = 0; i < 3; i++)
        {
            disk.Write(5);
            await BringAsync(site, disk, disk.Newest, Consistency.Application);
        }
        disk.Write(5);
        var volume = await BringAsync(site, disk, disk.Newest);
        await CheckAsync(project, type, disk, disk.Newest, volume!);
        var kept = (await project.Cloud.Cinder.SnapshotsAsync(Ct)).OrderBy(s => s.CreatedAt).ToList();
        Assert.Equal([PointAt(3).Id.ToString(), PointAt(4).Id.ToString()],
            kept.Select(s => s.Metadata!["lifeboat-point"]));
        Assert.All(kept, s => Assert.Equal("Application", s.Metadata!["lifeboat-consistency"]));
        Assert.StartsWith("lifeboat/shop/db1.vda/", kept[0].Name);
        if (type != "rbd") return;
        var made = await project.Session.PostAsync(CloudApi.BlockStorage, "volumes", new JsonObject
        {
            ["volume"] = new JsonObject { ["name"] = "by-hand", ["size"] = 1, ["snapshot_id"] = kept[0].Id },
        }, CinderJson.Default.JsonObject, CinderJson.Default.JsonObject, Ct);
        var id = made["volume"]!["id"]!.GetValue<string>();
        await CheckAsync(project, type, disk, 3, new StandingVolume("", "", id));
        await project.Cloud.Cinder.DeleteVolumeAsync(id, Ct);
        while (await project.Cloud.Cinder.FindVolumeAsync(id, Ct) is not null) await Task.Delay(500, Ct);
    }

    private async Task<StandingVolume?> BringAsync(OpenStackSite site, DiskHistory disk, long sequence,
        Consistency consistency = Consistency.Crash)
    {
        await using var server = Listen(disk, sequence, out var socket);
        return await site.BringAsync(Order(disk, sequence, socket, consistency), new Progress<StandingProgress>(), Ct);
    }

    // Read where it lies, as QEMU reads it.
    private async Task CheckAsync(TestProject project, string type, DiskHistory disk, long sequence,
        StandingVolume volume)
    {
        while ((await project.Cloud.Cinder.FindVolumeAsync(volume.Id, Ct))!.Status != "available")
            await Task.Delay(500, Ct);
        var image = Path.Combine(_folder, "read.img");
        await HostCommand.MustAsync("qemu-img", ["convert", "-O", "raw", "--image-opts",
            VolumeFiller.Options(volume.Id, Places(type)[type]), image], Ct);
        var expected = new byte[1 << 30];
        disk.At(sequence).CopyTo(expected, 0);
        var read = await File.ReadAllBytesAsync(image, Ct);
        var same = expected.AsSpan().CommonPrefixLength(read);
        Assert.True(same == expected.Length, $"differs from sequence {sequence} at byte {same}");
        File.Delete(image);
    }

    private NbdServer Listen(DiskHistory disk, long sequence, out string socket) =>
        Listen(disk.Export(sequence, "vda"), out socket);

    private NbdServer Listen(DiskExport export, out string socket)
    {
        socket = Path.Combine(_folder, Guid.NewGuid().ToString("n")[..8]);
        return NbdServer.Listen(new UnixDomainSocketEndPoint(socket), new NbdExports(export), NbdServerOptions.Default);
    }

    private static DiskSource Source(DiskHistory disk, long sequence, string socket) =>
        new("vda", null, socket, "vda", KeepWrites: true)
        {
            Point = new ViewPoint("shop", "db1.vda", disk.Replica, sequence),
        };

    private static StandingOrder Order(DiskHistory disk, long sequence, string socket,
        Consistency consistency = Consistency.Crash) => new(Described(), Source(disk, sequence, socket), Bytes,
            PointAt(sequence) with { Consistency = consistency });

    private static RecoveryPoint PointAt(long sequence) => new(
        Guid.Parse(string.Create(CultureInfo.InvariantCulture, $"00000000-0000-0000-0000-{sequence:d12}")), sequence,
        Epoch.First, DateTimeOffset.UnixEpoch.AddSeconds(sequence), Consistency.Crash, PointState.Sealed, null, null,
        new Dictionary<string, Consistency>());

    private static InstanceDescription Described() => new()
    {
        Name = Instance,
        Cpus = 1,
        MemoryMiB = 128,
        Machine = "pc",
        Disks = [new InstanceDisk("vda", "virtio", 0, Bytes, null)],
        Nics = [],
        GuestAgent = false,
    };

    private IReadOnlyDictionary<string, VolumePlace> Places(string type) => type == "rbd"
        ? Testbed.DriverOptions(_folder).Volumes
        : new Dictionary<string, VolumePlace> { [type] = Testbed.ShareOf(Testbed.Member["lifeboat-".Length..]) };

    private OpenStackSite Open(TestProject project, string type, bool slow = false, string? flavor = null)
    {
        var clouds = Path.Combine(_folder, "clouds.yaml");
        File.WriteAllText(clouds, $"""
            clouds:
              stand:
                auth:
                  auth_url: {project.Settings.AuthUrl}
                  username: {project.Name}
                  password: {TestProject.Password}
                  project_name: {project.Name}
                  user_domain_id: default
                  project_domain_id: default
                region_name: {project.Settings.Region}
            """);
        var options = Testbed.DriverOptions(_folder) with
        {
            Cloud = "stand",
            CloudsFile = clouds,
            Volumes = Places(type),
            Map = new RecoveryMap
            {
                VolumeTypes = new Dictionary<string, string> { [""] = type },
                Flavors = flavor is null ? new Dictionary<string, string>()
                    : new Dictionary<string, string> { [""] = flavor },
            },
            Standing = new StandingOptions { Snapshots = 2, BytesPerSecond = slow ? 1 << 20 : null },
        };
        return new OpenStackSite(new SiteSetting(_folder, Testbed.Written(options)), TimeProvider.System,
            NullLoggerFactory.Instance);
    }
}
