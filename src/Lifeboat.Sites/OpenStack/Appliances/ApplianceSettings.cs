// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>
/// Recovery appliances, which write volumes that this host does not reach: servers of the project with an image of
/// ours. Said under `options.appliances` in `site.json`; needed when a place in `options.volumes` says `appliance`.
/// </summary>
public sealed record ApplianceSettings
{
    internal const int Port = 10809;
    /// <summary>MiB of memory that its system, its program and what they have in hand take.</summary>
    internal const int MemoryMiB = 192;
    /// <summary>A bus of virtio disks has room for some more than that.</summary>
    internal const int VolumesMax = 20;

    /// <summary>Name or id of the network that they are on, with DHCP. Controllers reach TCP port 10809 of their
    /// addresses there, or of <see cref="FloatingPool"/>.</summary>
    public string Network { get; init; } = "";
    /// <summary>Name or id of the flavor: 1 vCPU, 192 MiB of memory and 1 GiB of disk are enough.</summary>
    public string Flavor { get; init; } = "";
    /// <summary>Absolute path of the image on this host, as `kit/appliance/image` builds it. It is uploaded to the
    /// project when it is not there.</summary>
    public string Image { get; init; } = "";
    /// <summary>Name or id of the external network that each gets an address of; null: none, controllers reach the
    /// network itself.</summary>
    public string? FloatingPool { get; init; }
    /// <summary>Availability zones that they are spread over, in turn; empty: the cloud chooses.</summary>
    public IReadOnlyList<string> AvailabilityZones { get; init; } = [];
    /// <summary>Who may connect, as a range of addresses, besides having to show a certificate; null:
    /// anybody.</summary>
    public string? From { get; init; }
    /// <summary>How many there may be at once. Disks that are written at the same time are spread over them.</summary>
    public int AtMost { get; init; } = 2;
    /// <summary>How long one that writes nothing is kept for the next run.</summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromMinutes(10);
    /// <summary>One that cannot be reached for so long is taken for lost, and another one is made.</summary>
    public TimeSpan SilenceMax { get; init; } = TimeSpan.FromSeconds(90);

    public IEnumerable<string> Problems()
    {
        if (Network.Length == 0) yield return "network is missing: the name or id of one with DHCP";
        if (Flavor.Length == 0) yield return "flavor is missing: the name or id of one with 1 GiB of disk or more";
        if (!Path.IsPathFullyQualified(Image)) yield return $"image '{Image}' is no absolute path";
        if (FloatingPool is "") yield return "floatingPool is empty";
        if (AvailabilityZones.Any(z => z.Length == 0)) yield return "availabilityZones has an empty name";
        if (From is not null && !System.Net.IPNetwork.TryParse(From, out _))
            yield return $"from is '{From}'; it must be a range of addresses, e.g. 192.0.2.0/24";
        if (AtMost is < 1 or > 64) yield return $"atMost is {AtMost}; allowed is 1 to 64";
        if (Keep < TimeSpan.Zero) yield return "keep must not be negative";
        if (SilenceMax < TimeSpan.FromSeconds(10)) yield return "silenceMax must be 10 seconds or more";
    }
}
