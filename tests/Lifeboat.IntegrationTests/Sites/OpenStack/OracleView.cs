// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Protection.Instances;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>The oracle's disk as the view of a point, for starts that need no replica.</summary>
internal static class OracleView
{
    public const string Export = "vda";

    /// <summary>Serves it until the process is killed.</summary>
    public static (Process Server, string Socket) Serve(string folder)
    {
        var socket = Path.Combine(folder, "view.sock");
        return (LastingStarter.Start(new ProcessStartInfo("qemu-nbd", ["-r", "-t", "-e", "16", "-f", "qcow2",
            "-k", socket, "-x", Export, Path.Combine(Testbed.Folder, "oracle.qcow2")])), socket);
    }

    public static InstanceDescription Describe(string name, InstanceNic nic) => new()
    {
        Name = name,
        Cpus = 1,
        MemoryMiB = 128,
        Machine = "pc",
        Disks = [new InstanceDisk("vda", "virtio", 0, ThreeTiers.DiskBytes, null)],
        Nics = [nic],
        GuestAgent = true,
    };
}
