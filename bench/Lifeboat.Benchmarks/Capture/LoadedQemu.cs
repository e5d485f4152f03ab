// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;
using Lifeboat.Testing;

namespace Lifeboat.Benchmarks.Capture;

/// <summary>
/// A QEMU with one disk in memory that is written from outside through an NBD export above the same node as the guest's
/// device: such writes take the way of a guest's, without an emulated guest in the measurement. A disk without latency
/// is the worst case for the cost of capture.
/// </summary>
internal sealed class LoadedQemu : IAsyncDisposable
{
    public const long DiskBytes = 256L << 20;
    /// <summary>Of each of many.</summary>
    public const long ManyDiskBytes = 64L << 20;
    private const int ConnectionsMax = 4096;   // of its own QEMU takes 100: with writers and pulls that is 50 disks
    private const int MapGranularity = 4096;   // as our tap takes for a disk of this size
    private readonly Process _process;
    private bool _disposed;

    private LoadedQemu(Process process, string image, string qmpSocket, string loadSocket)
    {
        (_process, Image, QmpSocket, LoadSocket) = (process, image, qmpSocket, loadSocket);
    }

    public string Image { get; }
    public long SizeBytes => new FileInfo(Image).Length;

    public string QmpSocket { get; }
    public string LoadSocket { get; }
    public int ProcessId => _process.Id;

    /// <param name="loadSocket">Of QEMU's one NBD server; capture's own exports share it.</param>
    /// <param name="filled">The disk begins full of bytes that cannot be compressed, else full of zeroes.</param>
    /// <param name="sizeBytes">What lies behind <see cref="DiskBytes"/> is a hole.</param>
    public static async Task<LoadedQemu> StartAsync(string folder, string loadSocket, bool filled = false,
        long sizeBytes = DiskBytes)
    {
        Directory.CreateDirectory(folder);
        var image = Path.Combine(folder, "disk");
        await File.WriteAllBytesAsync(image, filled ? new Prng(1).Bytes((int)DiskBytes) : new byte[DiskBytes]);
        if (sizeBytes > DiskBytes)
            await using (var longer = File.OpenWrite(image)) longer.SetLength(sizeBytes);
        return await BootAsync(folder, loadSocket);
    }

    /// <summary>Again on the disk as it was left.</summary>
    public static async Task<LoadedQemu> BootAsync(string folder, string loadSocket)
    {
        var image = Path.Combine(folder, "disk");
        var qmpSocket = Path.Combine(folder, "qmp");
        File.Delete(qmpSocket);
        File.Delete(loadSocket);
        var process = Process.Start("qemu-system-x86_64",
        [
            "-accel", "tcg", "-machine", "q35", "-m", "16", "-nodefaults", "-display", "none", "-S",
            "-qmp", $"unix:{qmpSocket},server=on,wait=off",
            "-blockdev", $"driver=file,node-name=file0,filename={image}",
            "-blockdev", "driver=raw,node-name=disk0,file=file0",
            "-device", "virtio-blk-pci,drive=disk0,id=front0,share-rw=on",
        ]);
        var qemu = new LoadedQemu(process, image, qmpSocket, loadSocket);
        await qemu.ServeAsync([("disk0", "")]);
        return qemu;
    }

    private async Task ServeAsync(IEnumerable<(string Node, string Export)> exports)
    {
        for (var tries = 0; !File.Exists(QmpSocket); tries++)
        {
            if (_process.HasExited || tries > 500) throw new InvalidOperationException("QEMU did not start");
            await Task.Delay(20);
        }
        await AskAsync("nbd-server-start", new JsonObject
        {
            ["addr"] = new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = LoadSocket } },
            ["max-connections"] = ConnectionsMax,
        });
        foreach (var (node, export) in exports)
            await AskAsync("block-export-add", new JsonObject
            {
                ["id"] = $"load{export}", ["type"] = "nbd", ["node-name"] = node, ["name"] = export,
                ["writable"] = true,
            });
    }

    /// <summary>
    /// One with disks that keep nothing, `front0` and so on, each exported as `disk0` and so on.
    /// </summary>
    /// <returns>The process, which is the caller's; its monitor is at `qmp` in the folder.</returns>
    public static async Task<Process> BootManyAsync(string folder, string loadSocket, int disks)
    {
        var qmpSocket = Path.Combine(folder, "qmp");
        IEnumerable<string> diskArguments = Enumerable.Range(0, disks).SelectMany(d => (string[])
        [
            "-blockdev", $"driver=null-co,node-name=file{d},size={ManyDiskBytes},read-zeroes=on",
            "-blockdev", $"driver=raw,node-name=disk{d},file=file{d}",
            "-device", $"scsi-hd,bus=scsi.0,lun={d},drive=disk{d},id=front{d},share-rw=on",
        ]);
        var process = Process.Start("qemu-system-x86_64",
        [
            "-accel", "tcg", "-machine", "q35", "-m", "16", "-nodefaults", "-display", "none", "-S",
            "-qmp", $"unix:{qmpSocket},server=on,wait=off", "-device", "virtio-scsi-pci,id=scsi", .. diskArguments,
        ]);
        var qemu = new LoadedQemu(process, "", qmpSocket, loadSocket);
        await qemu.ServeAsync(Enumerable.Range(0, disks).Select(d => ($"disk{d}", $"disk{d}")));
        return process;
    }

    /// <summary>A change map alone, as it goes on when nothing is captured.</summary>
    public Task RecordChangesAsync() => AskAsync("block-dirty-bitmap-add", new JsonObject
    {
        ["node"] = "disk0", ["name"] = "changes", ["granularity"] = MapGranularity,
    });

    /// <summary>QEMU's own mirror as our tap sets it, to another server. The load export must be there already: a
    /// mirror is put only under the users that a node has when it starts.</summary>
    public async Task MirrorToAsync(string targetSocket)
    {
        await AskAsync("blockdev-add", new JsonObject
        {
            ["driver"] = "nbd", ["node-name"] = "target", ["discard"] = "unmap", ["detect-zeroes"] = "unmap",
            ["server"] = new JsonObject { ["type"] = "unix", ["path"] = targetSocket },
        });
        await AskAsync("blockdev-mirror", new JsonObject
        {
            ["job-id"] = "mirror", ["device"] = "disk0", ["target"] = "target", ["sync"] = "none",
            ["copy-mode"] = "write-blocking", ["granularity"] = MapGranularity, ["on-target-error"] = "report",
        });
        while (!await IsMirroringAsync()) await Task.Delay(20);
    }

    /// <summary>A mirror that has ended costs nothing, so its figures would be too good.</summary>
    public async Task<bool> IsMirroringAsync() =>
        (await AskAsync("query-block-jobs", null)).EnumerateArray().Any(job => job.GetProperty("ready").GetBoolean());

    /// <summary>SIGKILL, without waiting for the end.</summary>
    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        // A host that crashed in a benchmark ended it already; what went wrong since must not be hidden by that.
        if (_disposed) return;
        _disposed = true;
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<JsonElement> AskAsync(string command, JsonObject? arguments)
    {
        await using var qmp = await QmpClient.ConnectAsync(
            QmpSocket, QmpOptions.Default, TimeProvider.System, CancellationToken.None);
        return await qmp.ExecuteAsync(command, arguments, CancellationToken.None);
    }
}
