// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>
/// A disk of which a sector cannot be read: a file of QEMU's storage daemon (FUSE) over its `blkdebug`, so that the
/// kernel itself says EIO.
/// </summary>
internal sealed class FailingMedium : IAsyncDisposable
{
    private readonly string _image;
    private Process? _daemon;

    private FailingMedium(string directory) =>
        (_image, Disk) = (Path.Combine(directory, "medium.raw"), Path.Combine(directory, "medium.disk"));

    public string Disk { get; }

    /// <returns>Null: there is no FUSE here.</returns>
    public static async Task<FailingMedium?> StartAsync(string directory, long bytes)
    {
        if (!File.Exists("/dev/fuse")) return null;
        var medium = new FailingMedium(directory);
        await using (var file = File.Create(medium._image)) file.SetLength(bytes);
        await File.WriteAllBytesAsync(medium.Disk, []);
        if (await medium.TryServeAsync(null)) return medium;
        await medium.StopAsync();
        return null;
    }

    /// <summary>Nobody may have it open.</summary>
    public async Task FailAsync(long? sector)
    {
        await StopAsync();
        Assert.True(await TryServeAsync(sector));
    }

    public ValueTask DisposeAsync() => new(StopAsync());

    private async Task<bool> TryServeAsync(long? sector)
    {
        var fault = sector is null ? "" : ",inject-error.0.event=none,inject-error.0.iotype=read"
            + $",inject-error.0.errno=5,inject-error.0.sector={sector},inject-error.0.once=off";
        var start = new ProcessStartInfo("qemu-storage-daemon",
        [
            "--blockdev", $"driver=file,filename={_image},node-name=file,discard=unmap",
            "--blockdev", "driver=blkdebug,node-name=disk,image=file,discard=unmap" + fault,
            "--export", $"fuse,id=disk,node-name=disk,mountpoint={Disk},writable=on",
        ]);
        _daemon = Process.Start(start)!;
        for (var tries = 0; tries < 600 && !_daemon.HasExited; tries++)
        {
            if (new FileInfo(Disk).Length > 0) return true;
            await Task.Delay(50);
        }
        return false;
    }

    private async Task StopAsync()
    {
        if (_daemon is not { } daemon) return;
        if (!daemon.HasExited)
        {
            // TERM: it unmounts what it has mounted.
            using var kill = Process.Start("kill", ["-TERM", $"{daemon.Id}"]);
            await kill.WaitForExitAsync();
            await daemon.WaitForExitAsync();
        }
        daemon.Dispose();
        _daemon = null;
    }
}
