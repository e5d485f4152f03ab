// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Qemu;
using Lifeboat.Qemu.Libvirt;

namespace Lifeboat.Agent.Capture;

/// <summary>One monitor per QEMU process, shared by the disks of an instance so that they take turns.</summary>
internal sealed class QemuMonitors(string runDirectory, TimeProvider time) : IDisposable
{
    // Drains, snapshots and slow storage can keep QEMU's main loop busy; a checkpoint's confirmation waits shorter.
    private static readonly QmpOptions Patience = new()
    {
        ConnectLimit = TimeSpan.FromSeconds(5),
        CommandLimit = TimeSpan.FromSeconds(15),
    };

    private readonly ConcurrentDictionary<string, QemuMonitor> _bySocket = new(StringComparer.Ordinal);

    public QemuMonitor Of(string qmpSocket) => _bySocket.GetOrAdd(qmpSocket,
        socket => new QemuMonitor(socket, PullSocket(runDirectory, socket), Patience, time));

    public void Dispose()
    {
        foreach (var monitor in _bySocket.Values) monitor.Dispose();
    }

    // The same name over restarts, so that a server that a dead agent has started is found again.
    internal static string PullSocket(string runDirectory, string qmpSocket)
    {
        var address = Encoding.UTF8.GetBytes(LibvirtAddress.Absolute(qmpSocket));
        var hash = Convert.ToHexStringLower(SHA256.HashData(address));
        return Path.Combine(runDirectory, $"pull-{hash[..8]}.sock");
    }
}
