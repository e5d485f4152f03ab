// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;

namespace Lifeboat.IntegrationTests.Capture;

/// <summary>
/// A real QEMU without a guest system: the test itself writes through the disks' front ends with the monitor's qemu-io,
/// which takes the same way as a guest's write. Two monitors: one for the agent, one for the test.
/// </summary>
internal sealed class BareQemu : IAsyncDisposable
{
    private readonly Process _process;

    private readonly bool _scsi;

    private BareQemu(string directory, Process process, int disks, bool scsi)
    {
        _scsi = scsi;
        Directory = directory;
        _process = process;
        Disks = disks;
    }

    public string Directory { get; }
    public int Disks { get; }
    public int ProcessId => _process.Id;
    public string QmpSocket => Path.Combine(Directory, "qmp.sock");

    public string Image(int disk) => Path.Combine(Directory, $"disk{disk}.raw");

    /// <param name="elsewhere">Where disks are, as `-drive file=` takes it; null: in files of the directory.</param>
    public static async Task<BareQemu> StartAsync(string directory, int disks, long sizeBytes, string format = "raw",
        bool scsi = false, int blockBytes = 512, Func<int, string>? elsewhere = null)
    {
        var start = new ProcessStartInfo("qemu-system-x86_64") { RedirectStandardOutput = true };
        string[] fixedPart =
        [
            "-accel", "tcg", "-machine", "q35", "-m", "16", "-nodefaults", "-display", "none", "-S",
            "-qmp", $"unix:{directory}/qmp.sock,server=on,wait=off",
            "-qmp", $"unix:{directory}/test.sock,server=on,wait=off",
        ];
        foreach (var argument in fixedPart) start.ArgumentList.Add(argument);
        if (scsi)
        {
            start.ArgumentList.Add("-device");
            start.ArgumentList.Add("virtio-scsi-pci,id=bus");
        }
        for (var disk = 0; disk < disks; disk++)
        {
            var image = elsewhere?.Invoke(disk) ?? Path.Combine(directory, $"disk{disk}.raw");
            if (elsewhere is null && !File.Exists(image))
            {
                await using var file = File.Create(image);
                file.SetLength(sizeBytes);
            }
            if (scsi)
            {
                string[] arguments =
                [
                    "-blockdev", $"driver=file,node-name=file{disk},filename={image},discard=unmap",
                    "-blockdev", $"driver={format},node-name=disk{disk},file=file{disk},discard=unmap",
                    "-device", $"scsi-hd,drive=disk{disk},id=front{disk},bus=bus.0,"
                        + $"logical_block_size={blockBytes},physical_block_size={blockBytes}",
                ];
                foreach (var argument in arguments) start.ArgumentList.Add(argument);
                continue;
            }
            start.ArgumentList.Add("-drive");
            start.ArgumentList.Add($"if=none,id=disk{disk},file={image},format={format},discard=unmap");
            start.ArgumentList.Add("-device");
            start.ArgumentList.Add($"virtio-blk-pci,drive=disk{disk},id=front{disk}");
        }
        var process = Process.Start(start)!;
        // qemu-io reports every write there; nobody reading would stop QEMU once the pipe is full.
        process.BeginOutputReadLine();
        var qemu = new BareQemu(directory, process, disks, scsi);
        await qemu.WaitForMonitorAsync();
        return qemu;
    }

    public async Task<JsonElement> AskAsync(string command, JsonObject? arguments = null)
    {
        await using var qmp = await QmpClient.ConnectAsync(
            Path.Combine(Directory, "test.sock"), QmpOptions.Default, TimeProvider.System, CancellationToken.None);
        return await qmp.ExecuteAsync(command, arguments, CancellationToken.None);
    }

    /// <summary>Returns when the write is acknowledged, as a guest would see it.</summary>
    public async Task WriteAsync(int disk, byte pattern, long offset, long length)
    {
        var answer = await AskAsync("human-monitor-command", new JsonObject
        {
            ["command-line"] = $"qemu-io {Front(disk)} \"write -P {pattern} {offset} {length}\"",
        });
        Assert.DoesNotContain("rror", answer.GetString());
    }

    /// <summary>Returns when the write is under way.</summary>
    public Task BeginWriteAsync(int disk, long offset, long length) =>
        AskAsync("human-monitor-command", new JsonObject
        {
            ["command-line"] = $"qemu-io {Front(disk)} \"aio_write {offset} {length}\"",
        });

    /// <summary>Takes a SCSI disk out, as `device_del` does; its node stays.</summary>
    public async Task UnplugAsync(int disk)
    {
        await AskAsync("device_del", new JsonObject { ["id"] = $"front{disk}" });
        // It is answered before the device is gone.
        while ((await AskAsync("query-block")).EnumerateArray().Any(b => b.TryGetProperty("qdev", out var qdev)
            && qdev.GetString()!.Contains($"front{disk}", StringComparison.Ordinal)))
            await Task.Delay(20);
    }

    /// <summary>Puts it in again by its node.</summary>
    public Task PlugAsync(int disk) => AskAsync("device_add", new JsonObject
    {
        ["driver"] = "scsi-hd", ["drive"] = $"disk{disk}", ["id"] = $"front{disk}", ["bus"] = "bus.0",
    });

    private string Front(int disk) => _scsi ? $"-d front{disk}" : $"disk{disk}";

    /// <summary>Names of everything that capture may leave in a QEMU process.</summary>
    public async Task<IReadOnlyList<string>> TracesAsync()
    {
        var nodes = await AskAsync("query-named-block-nodes", new JsonObject { ["flat"] = true });
        var jobs = await AskAsync("query-block-jobs");
        var exports = await AskAsync("query-block-exports");
        return
        [
            .. nodes.EnumerateArray().Select(n => n.GetProperty("node-name").GetString()!).Where(IsOurs),
            .. nodes.EnumerateArray().Where(n => n.TryGetProperty("dirty-bitmaps", out _))
                .SelectMany(n => n.GetProperty("dirty-bitmaps").EnumerateArray())
                .Select(b => b.TryGetProperty("name", out var name) ? "map " + name.GetString() : "unnamed map"),
            .. jobs.EnumerateArray().Select(j => "job " + j.GetProperty("device").GetString()),
            .. exports.EnumerateArray().Select(e => "export " + e.GetProperty("id").GetString()),
        ];
    }

    /// <summary>Bytes that a bit of each of our change maps stands for, ascending.</summary>
    public async Task<IReadOnlyList<long>> MapGranularitiesAsync()
    {
        var nodes = await AskAsync("query-named-block-nodes", new JsonObject { ["flat"] = true });
        return
        [
            .. nodes.EnumerateArray().Where(n => n.TryGetProperty("dirty-bitmaps", out _))
                .SelectMany(n => n.GetProperty("dirty-bitmaps").EnumerateArray())
                .Where(b => b.TryGetProperty("name", out _))
                .Select(b => b.GetProperty("granularity").GetInt64()).Order(),
        ];
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private static bool IsOurs(string node) => node.StartsWith("lifeboat-", StringComparison.Ordinal);

    private async Task WaitForMonitorAsync()
    {
        for (var i = 0; ; i++)
        {
            try
            {
                await AskAsync("query-status");
                return;
            }
            catch (QmpException e) when (e.Fault == QmpFault.Unreachable && i < 400 && !_process.HasExited)
            {
                await Task.Delay(25);
            }
        }
    }
}
