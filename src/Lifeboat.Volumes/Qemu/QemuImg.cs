// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Diagnostics;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Volumes.Qemu;

internal static class QemuImg
{
    /// <exception cref="ReplicaStoreException">Full, or SeedUnreadable with what it said.</exception>
    public static async Task RunAsync(string[] arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo("qemu-img", arguments)
        {
            RedirectStandardError = true, UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";
        try
        {
            using var process = Process.Start(start)!;
            var said = await process.StandardError.ReadToEndAsync(ct);
            await process.WaitForExitAsync(ct);
            if (process.ExitCode == 0) return;
            throw new ReplicaStoreException(said.Contains("No space left", StringComparison.Ordinal)
                ? ReplicaStoreFault.Full : ReplicaStoreFault.SeedUnreadable, $"qemu-img {arguments[0]}: {said.Trim()}");
        }
        catch (Win32Exception e)
        {
            throw new ReplicaStoreException(
                ReplicaStoreFault.SeedUnreadable, $"qemu-img cannot be started: {e.Message}", e);
        }
    }
}
