// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lifeboat.Agent.Capture;

// Everything of ours in a QEMU process starts with "lifeboat-", so that whatever a dead agent left is found by name.
// Node names are at most 31 characters: the device is there as a hash.
internal sealed class TapNames(string device)
{
    public const string Prefix = "lifeboat-";
    private const string Whole = "whole", Moving = "moving-";

    private readonly string _device = Prefix + KeyOf(device);

    /// <summary>Eight hex digits that stand for a name.</summary>
    public static string KeyOf(string name) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..8];

    /// <summary>What nodes, jobs and exports of this device begin with.</summary>
    public string DevicePrefix => _device + "-";

    public string Target(long number) => Name("t", number);
    public string Filter(long number) => Name("f", number);
    public string Job(long number) => Name("j", number);
    /// <summary>Of a moment: what is overwritten since, the filter that copies it there, and the image.</summary>
    public string Overlay(long number) => Name("o", number);
    public string Copier(long number) => Name("c", number);
    public string Image(long number) => Name("s", number);
    /// <summary>Higher is deleted first: an image is above its filter, a filter above its overlay.</summary>
    public int RankOf(string node) => !node.StartsWith(DevicePrefix, StringComparison.Ordinal) ? -1
        : node[DevicePrefix.Length] switch { 's' => 2, 'c' => 1, _ => 0 };
    /// <summary>The filter that stands between a device and libvirt's node. It is in no other number's way.</summary>
    public string Shim => $"{Prefix}shim-{KeyOf(device)}";
    public string Export => _device + "-pull";
    public string Seed => _device + "-seed";
    /// <summary>The union of the change maps while somebody looks at it, and its export.</summary>
    public string Look => _device + "-look";
    public string LookExport => _device + "-look";

    /// <summary>What the change maps relative to a replica begin with.</summary>
    public static string MapPrefix(Guid replica) => $"{Prefix}{replica.ToString("n")[..8]}-";

    public static string Map(Guid replica, long number) =>
        Map(MapPrefix(replica), number);

    /// <param name="line">What the names of all maps relative to the replica begin with.</param>
    public static string Map(string line, long number) => line + number.ToString(CultureInfo.InvariantCulture);

    // There while the recovery site may lack anything of the disk: set by an attach without a usable map, dropped when
    // that batch is durable. Without it, a map begun in an unfinished first sync would pass for the whole gap.
    public static string WholeMarker(Guid replica) => MapPrefix(replica) + Whole;

    /// <summary>Of maps that are on their way to another node: there while they are not all at one.</summary>
    /// <param name="line">As of <see cref="Map(string, long)"/>.</param>
    public static string MovingMarker(string line, long number) => Map(line + Moving, number);

    public static bool IsMovingMarker(string map) => map.Contains(Moving, StringComparison.Ordinal);

    /// <summary>The maps beside it do not hold all that the recovery site may lack.</summary>
    public static bool SaysWhole(string map) => map.EndsWith(Whole, StringComparison.Ordinal) || IsMovingMarker(map);

    public static bool IsOurs(DirtyBitmap map) => map.Name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>What the names of all maps relative to the same replica begin with.</summary>
    public static string LineOf(string map) => map[..(map.LastIndexOf('-') + 1)];

    /// <summary>The number in a name made here; 0 when there is none.</summary>
    public static long NumberOf(string name)
    {
        var digits = name.AsSpan()[(name.AsSpan().LastIndexOfAnyExceptInRange('0', '9') + 1)..];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0;
    }

    private string Name(string kind, long number) =>
        $"{_device}-{kind}{(number % 1_000_000).ToString(CultureInfo.InvariantCulture)}";
}
