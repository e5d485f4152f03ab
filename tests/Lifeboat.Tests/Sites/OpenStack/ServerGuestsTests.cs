// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Guests;
using Lifeboat.Sites.Qemu.Adopting;
using Lifeboat.Sites.Qemu.Instances;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>Which disk of a server's QEMU is which of Nova's.</summary>
public sealed class ServerGuestsTests
{
    private const string Folder = "/var/lib/nova/instances/1/";
    private const string Volume = "5fd2c0a7-0b0f-4d8e-8df4-52f8a8e7a1c1";
    private static readonly InstanceDescription Server = new()
    {
        Name = "db", Cpus = 1, MemoryMiB = 128, Machine = "pc", Nics = [], GuestAgent = true,
        Disks = [new InstanceDisk("vda", "virtio", 0, 1 << 30, null),
            new InstanceDisk("vdb", "virtio", 1, 1 << 30, Volume)],
    };

    [Theory]
    [InlineData("", "disk")]                                        // as it runs
    [InlineData("disk", "disk.eph0", "disk.swap")]                  // a flavor with more
    [InlineData("disk.rescue", "disk")]                             // rescued: the root is in the second place
    [InlineData("vms/1_disk.rescue", "vms/1_disk")]                 // the same in Ceph
    [InlineData("disk.snap")]                                       // an overlay that somebody made
    public void The_root_is_known_by_its_name_among_what_nova_made(params string[] images)
    {
        var read = Disks(images);
        var root = ServerGuests.DeviceOf(Site("vda"), Server, read);
        Assert.Equal(images.Where(i => i.Length > 0).Single(i => i.EndsWith("disk") || i == "disk.snap"),
            root!.Image[(root.Image.StartsWith(Folder) ? Folder.Length : 0)..]);
        Assert.Equal("virtio-disk9", ServerGuests.DeviceOf(Site("vdb"), Server, read)!.Record.Device);
    }

    [Fact]
    public void What_cannot_be_told_apart_is_none() =>
        Assert.Null(ServerGuests.DeviceOf(Site("vda"), Server, Disks("a", "b")));

    private static IReadOnlyList<ReadDisk> Disks(params string[] images) =>
    [
        Read("virtio-disk9", Volume, "volumes/volume-" + Volume),
        .. images.Where(i => i.Length > 0).Select((image, i) =>
            Read($"virtio-disk{i}", null, image.Contains('/') ? image : Folder + image)),
    ];

    private static ReadDisk Read(string device, string? serial, string image) => new(
        new InstanceDisk(device, "virtio", 0, 1 << 30, serial),
        new DiskRecord(device, DiskPlace.File, null, "qcow2", null, null, 1 << 30, device), image);

    private static SiteDisk Site(string name) => new(name, name, null, null, 1 << 30, Native: true);
}
