// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Lifeboat.Sites.Qemu.Instances;

/// <summary>The files of one instance.</summary>
/// <param name="Root">What stays when it moves to another host: its record, disks, firmware variables.</param>
/// <param name="Seat">What its QEMU process at one host has: while it moves there are two of them.</param>
internal sealed record InstanceFolder(string Root, string Seat)
{
    // sun_path of a unix socket address is 108 bytes with its end.
    private const int SocketPathBytesMax = 107;

    /// <summary>The agent's monitor.</summary>
    public string Qmp => Path.Combine(Seat, "qmp.sock");
    /// <summary>The driver's own monitor, so that it never waits for the agent.</summary>
    public string SiteQmp => Path.Combine(Seat, "qmp-site.sock");
    public string GuestAgent => Path.Combine(Seat, "qga.sock");
    public string PidFile => Path.Combine(Seat, "qemu.pid");
    public string Log => Path.Combine(Seat, "qemu.log");
    public string Serial => Path.Combine(Seat, "serial.log");
    public string UefiVariables => Path.Combine(Root, "uefi-vars.fd");
    public string Channel(int index) => Path.Combine(Seat, $"channel{index}.sock");

    public string Disk(int generation, string disk, string extension) =>
        Path.Combine(Root, "disks", generation.ToString(System.Globalization.CultureInfo.InvariantCulture),
            disk + extension);

    /// <exception cref="SiteException">Refused: unix sockets cannot have names that long.</exception>
    public void CheckLength()
    {
        if (Encoding.UTF8.GetByteCount(SiteQmp) > SocketPathBytesMax)
            throw new SiteException(SiteFault.Refused,
                $"{SiteQmp} is longer than the {SocketPathBytesMax} bytes a unix socket may have; "
                + "keep the site in a directory with a shorter path");
    }
}
