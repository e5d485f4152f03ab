// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>
/// Which groups and guests there are, the same in every process of the benchmark: group `gN` has the guest `vmN` with
/// four disks. Even ones live at site a, odd ones at b, each is recovered to the other.
/// </summary>
internal static class FleetNames
{
    public const int DisksPerGuest = 4;
    public const long DiskBytes = 64L << 30;

    public static readonly string[] Sites = ["a", "b"];

    public static string Group(int number) => string.Create(CultureInfo.InvariantCulture, $"g{number:D5}");
    public static string Guest(int number) => string.Create(CultureInfo.InvariantCulture, $"vm{number:D5}");
    public static string Home(int number) => Sites[number % 2];
    public static string Away(int number) => Sites[1 - number % 2];

    // Of 20 guests of a site the first two belong to one application, which has shared points.
    public static string? Application(int number) => number % 40 < 4
        ? string.Create(CultureInfo.InvariantCulture, $"app{number / 40:D4}{Home(number)}") : null;

    public static string Monitor(string guest) => $"/fleet/{guest}/qmp.sock";

    public static InstanceDescription Describe(string guest) => new()
    {
        Name = guest,
        Cpus = 2,
        MemoryMiB = 4096,
        Disks = [.. Enumerable.Range(0, DisksPerGuest).Select(i =>
            new InstanceDisk(string.Create(CultureInfo.InvariantCulture, $"disk{i}"), "virtio", i, DiskBytes, null))],
        Nics = [new InstanceNic("default", "virtio-net-pci", "52:54:00:00:00:01", null)],
    };

    /// <returns>Null: no guest of this site.</returns>
    public static SiteInstance? Find(string site, string guest) => guest.StartsWith("vm", StringComparison.Ordinal)
        && int.TryParse(guest.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && Guest(number) == guest && Home(number) == site ? Running(guest, Describe(guest)) : null;

    public static SiteInstance Running(string name, InstanceDescription description) => new(name,
        InstancePower.Running, Adopted: true, description, Monitor(name), null, 1,
        [.. description.Disks.Select(d => new SiteDisk(d.Name, d.Name, $"/fleet/{name}/{d.Name}.raw", "raw",
            d.SizeBytes, true))]);
}
