// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Benchmarks.Nbd;

namespace Lifeboat.Benchmarks.Capture;

/// <summary>All cases, started side by side so that they can take turns.</summary>
internal sealed class CaptureCases(string folder) : IAsyncDisposable
{
    /// <summary>Where in <see cref="All"/> the yardsticks are.</summary>
    public const int Off = 0, Nbdkit = 1;

    private readonly List<CaptureCase> _all = [];
    private readonly List<LoadedQemu> _qemus = [];
    private readonly List<MeasuredServer> _targets = [];
    private CapturedDisk? _whole;

    public IReadOnlyList<CaptureCase> All => _all;

    /// <param name="outboxBytes">So much that the whole way is never given up for being slower than the load.</param>
    public async Task StartAsync(long outboxBytes)
    {
        _all.Add(new CaptureCase("off", await QemuAsync("off"), false, null));
        await MirrorAsync("mirror to nbdkit", "/usr/bin/nbdkit", socket =>
            ["-f", "-U", socket, "memory", LoadedQemu.DiskBytes.ToString(CultureInfo.InvariantCulture)]);
        var image = Path.Combine(folder, "target");
        await File.WriteAllBytesAsync(image, new byte[LoadedQemu.DiskBytes]);
        await MirrorAsync("mirror to qemu-nbd", "/usr/bin/qemu-nbd", socket =>
            ["-t", "-f", "raw", "--cache=writeback", "-x", "", "-k", socket, image]);
        var mapped = await QemuAsync("map");
        await mapped.RecordChangesAsync();
        _all.Add(new CaptureCase("change map only", mapped, false, null));
        await CaptureAsync();
        _whole = await CapturedDisk.StartAsync(folder, outboxBytes);
        _all.Add(new CaptureCase(
            "Lifeboat, whole way", _whole.Qemu!, true, _whole.SourceAgent, _whole.SettleAsync));
    }

    public async ValueTask DisposeAsync()
    {
        if (_whole is not null) await _whole.DisposeAsync();
        foreach (var qemu in _qemus) await qemu.DisposeAsync();
        _targets.ForEach(t => t.Dispose());
    }

    private async Task MirrorAsync(string name, string program, Func<string, string[]> arguments)
    {
        var socket = Path.Combine(folder, $"t{_targets.Count}");
        var target = await MeasuredServer.StartAsync(name, socket, program, arguments(socket));
        _targets.Add(target);
        var qemu = await QemuAsync($"m{_targets.Count}");
        await qemu.MirrorToAsync(socket);
        _all.Add(new CaptureCase(name, qemu, true, target.ProcessId));
    }

    private async Task CaptureAsync()
    {
        var run = Directory.CreateDirectory(Path.Combine(folder, "run")).FullName;
        var vm = Path.Combine(folder, "capture");
        // QEMU has one NBD server: where the tap expects it, so that both use it.
        var qemu = await LoadedQemu.StartAsync(
            vm, Lifeboat.Agent.Capture.QemuMonitors.PullSocket(run, Path.Combine(vm, "qmp")));
        _qemus.Add(qemu);
        var ready = Path.Combine(run, "ready");
        var server = await MeasuredServer.StartAsync("Lifeboat", ready, SelfProcess.Program,
            SelfProcess.Arguments("capture-serve", run, qemu.QmpSocket, ready));
        _targets.Add(server);
        _all.Add(new CaptureCase("Lifeboat, capture", qemu, true, server.ProcessId));
    }

    private async Task<LoadedQemu> QemuAsync(string name)
    {
        var qemu = await LoadedQemu.StartAsync(Path.Combine(folder, name), Path.Combine(folder, $"{name}.load"));
        _qemus.Add(qemu);
        return qemu;
    }
}
