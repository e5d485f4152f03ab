// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Journaling.Storage;
using Lifeboat.Tests.Volumes.Files;
using Lifeboat.Volumes.Qemu;

namespace Lifeboat.Tests.Volumes.Qemu;

/// <summary>What every replica store must do whose images are reached through a storage daemon of QEMU's.</summary>
public abstract class DaemonStoreConformance : ReplicaStoreConformance
{
    private protected TemporaryDirectory Folder { get; } = new();

    protected override string Put(string name, byte[] content)
    {
        File.WriteAllBytes(Folder[name], content);
        return Folder[name];
    }

    [Fact]
    public async Task A_daemon_that_is_killed_is_started_anew_and_the_next_flush_says_so_once()
    {
        await using var image = (QemuBaseImage)await Open().OpenAsync(Spec(), Ct);
        await image.WriteAsync(0, Filled(4096, 1), Ct);
        await image.FlushAsync(Ct);
        await image.WriteAsync(4096, Filled(4096, 2), Ct);
        Kill(image.DaemonProcess);
        var lost = 0;
        for (var tries = 0; tries < 50; tries++)
        {
            try
            {
                await image.WriteAsync(4096, Filled(4096, 3), Ct);
                await image.FlushAsync(Ct);
                break;
            }
            catch (StorageException)
            {
                lost++;
                // Whoever tries again lets some time pass: that the connection has ended is seen by its reader.
                await Task.Delay(TimeSpan.FromMilliseconds(50), Ct);
            }
        }
        Assert.InRange(lost, 1, 3);
        var bytes = await ReadAsync(image);
        Assert.Equal([1, 3, 0], new[] { bytes[0], bytes[4096], bytes[8192] });
    }

    private static void Kill(int pid)
    {
        using var process = Process.GetProcessById(pid);
        process.Kill();
        process.WaitForExit();
    }
}
