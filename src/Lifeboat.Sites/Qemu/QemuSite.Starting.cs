// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.Qemu.Host;
using Lifeboat.Sites.Qemu.Instances;
using Lifeboat.Sites.Qemu.Networks;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.Qemu;

internal sealed partial class QemuSite
{
    private static ReadOnlySpan<byte> Qcow2Magic => [(byte)'Q', (byte)'F', (byte)'I', 0xFB];

    // Start: same request and running -> nothing; same request and stopped -> again with the disks it had; another
    // request and stopped -> a new generation, whose disks are new files; another request and running -> refused.
    public Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct) =>
        AloneAsync(request.Instance, async () =>
        {
            var found = _store.Read(request.Instance);
            var had = found is null ? null : await SettleAsync(found, ct);
            var runs = had is not null && ProcessOf(had) is not null;
            var same = had?.Request is { } before && Same(before, request);
            if (runs && !same)
                throw new SiteException(SiteFault.InstanceExists, $"an instance '{request.Instance}' runs already, "
                    + "from another request; stop it first, or start under another name");
            var record = same ? had! : Plan(request, had);
            if (runs)
            {
                // Its guest may have powered itself off while QEMU holds the disks.
                await TalkAsync(record, qmp => BootAgainAsync(qmp, record, ct), ct);
                return await DescribeAsync(record, ct);
            }
            await CheckFilesAsync(record, ct);
            _store.Write(record);
            var started = await LaunchAsync(record, incoming: false, ct);
            LogStarted(record.Name, started.Id, record.Generation);
            return await DescribeAsync(record, ct);
        }, ct);

    private InstanceRecord Plan(StartRequest request, InstanceRecord? had)
    {
        var folder = _store.Folder(request.Instance, request.Host);
        folder.CheckLength();
        var generation = (had?.Generation ?? 0) + 1;
        return new InstanceRecord
        {
            Name = request.Instance,
            Description = request.Description,
            Request = request,
            Bubble = request.Bubble,
            Host = request.Host,
            Generation = generation,
            Disks = [.. request.Description.Disks.Select(d => Plan(request, d, folder, generation, had))],
        };
    }

    private static DiskRecord Plan(StartRequest request, InstanceDisk disk, InstanceFolder folder, int generation,
        InstanceRecord? had)
    {
        var source = request.Disks.FirstOrDefault(d => d.Disk == disk.Name);
        var device = QemuCommandLine.DeviceId(disk);
        if (source?.File is { } file)
            return new DiskRecord(disk.Name, DiskPlace.File, Path.GetFullPath(file), FormatOf(file), null, null,
                disk.SizeBytes, device);
        if (source?.ViewSocket is { } view)
            return new DiskRecord(disk.Name, source.KeepWrites ? DiskPlace.Overlay : DiskPlace.View,
                source.KeepWrites ? folder.Disk(generation, disk.Name, ".qcow2") : null,
                source.KeepWrites ? "qcow2" : null, view, source.ViewExport, disk.SizeBytes, device);
        // No source named: what it had.
        return had?.Disks.FirstOrDefault(d => d.Name == disk.Name) is { File: not null } kept
            ? kept with { Device = device }
            : throw new SiteException(SiteFault.Refused,
                $"{request.Instance}: nothing says what disk '{disk.Name}' starts from");
    }

    /// <param name="incoming">It waits for a guest to be moved into it.</param>
    private async Task<HostProcess> LaunchAsync(InstanceRecord record, bool incoming, CancellationToken ct)
    {
        // From here until its process is there, the networks are in use.
        _starting[record.Name] = record.Name;
        try
        {
            return await PlugAndLaunchAsync(record, incoming, ct);
        }
        finally
        {
            _starting.TryRemove(record.Name, out _);
        }
    }

    private async Task<HostProcess> PlugAndLaunchAsync(InstanceRecord record, bool incoming, CancellationToken ct)
    {
        var folder = _store.Folder(record);
        _store.Prepare(folder);
        var kvm = await UseKvmAsync(record.Description.CpuModel);
        IReadOnlyList<string> taps = [];
        IReadOnlyList<string> prefix = [];
        if (record.Description.Nics.Count > 0)
        {
            var networks = NetworksOf(record.Description);
            var space = SpaceOf(record);
            if (record.Bubble is { } bubble && !space.Exists)
                throw new SiteException(SiteFault.NetworkUnknown, $"there is no bubble '{bubble}'; create it first");
            await EnsureAsync(space, networks, ct);
            taps = await space.PlugAsync(SeatName(record), record.Description, networks, ct);
            prefix = space.Prefix;
        }
        var command = new QemuCommandLine(record, folder, _options, kvm, taps, incoming).Build();
        return await QemuProcess.LaunchAsync(folder, [.. prefix, _options.Program, .. command], _options, _time, ct);
    }

    // While it moves, the processes at both hosts have their taps.
    private static string SeatName(InstanceRecord record) =>
        record.Host is null or AgentConfiguration.DefaultHost ? record.Name : $"{record.Name}@{record.Host}";

    private Task UnplugAsync(InstanceRecord record, CancellationToken ct) =>
        SpaceOf(record).UnplugAsync(SeatName(record), record.Description.Nics.Count, ct);

    private async Task CheckFilesAsync(InstanceRecord record, CancellationToken ct)
    {
        if (BootGaps(record.Description).FirstOrDefault() is { } missing)
            throw new SiteException(SiteFault.BootFileMissing, $"{record.Name}: {missing}");
        if (Tool.Find(_options.Program) is null) throw Tool.Missing(_options.Program);
        var folder = _store.Folder(record);
        _store.Prepare(folder);
        if (record.Description.Uefi && !File.Exists(folder.UefiVariables))
            File.Copy(_options.UefiVariables, folder.UefiVariables);
        foreach (var disk in record.Disks)
        {
            if (disk.Place is DiskPlace.Overlay && !File.Exists(disk.File)) await MakeOverlayAsync(disk, ct);
            if (disk.File is { } file && !File.Exists(file))
                throw new SiteException(SiteFault.Refused, $"{record.Name}: the image of disk '{disk.Name}' is not "
                    + $"there: {file}");
            if (disk is { Place: DiskPlace.File, Format: "raw", File: { } image }
                && new FileInfo(image) is { Attributes: var kind, Length: var length }
                && !kind.HasFlag(FileAttributes.Device) && length < disk.SizeBytes)
                throw new SiteException(SiteFault.Refused, $"{record.Name}: disk '{disk.Name}' needs {disk.SizeBytes} "
                    + $"bytes, {image} has {length}");
        }
    }

    private static async Task MakeOverlayAsync(DiskRecord disk, CancellationToken ct)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(disk.File)!);
        var aside = disk.File + ".new";
        File.Delete(aside);
        var size = disk.SizeBytes.ToString(CultureInfo.InvariantCulture);
        var made = await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", aside, size], ct);
        if (made.Error.Contains("No space left", StringComparison.Ordinal))
            throw new SiteException(SiteFault.NoSpace, $"making the overlay {disk.File}: {made.Error}");
        made.OrThrow($"making the overlay {disk.File}");
        File.Move(aside, disk.File!);
    }

    private async Task<bool> UseKvmAsync(string cpuModel)
    {
        var works = _options.Accelerator switch
        {
            AcceleratorChoice.Tcg => false,
            AcceleratorChoice.Kvm => true,
            AcceleratorChoice.Auto => await _kvm.WorksAsync(cpuModel),
        };
        LogAccelerator(works ? "KVM" : "TCG", cpuModel);
        return works;
    }

    // The first bytes of a qcow2 image say so; everything else is taken as it is.
    private static string FormatOf(string file)
    {
        if (!File.Exists(file)) return "raw";
        using var image = File.OpenRead(file);
        Span<byte> magic = stackalloc byte[4];
        return image.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4 && magic.SequenceEqual(Qcow2Magic)
            ? "qcow2" : "raw";
    }

    private static bool Same(StartRequest a, StartRequest b) =>
        JsonSerializer.Serialize(a, ContractJson.Options) == JsonSerializer.Serialize(b, ContractJson.Options);

    [LoggerMessage(EventIds.InstanceStarted, LogLevel.Information,
        "Started {Instance} as process {ProcessId}, generation {Generation}")]
    private partial void LogStarted(string instance, int processId, int generation);

    [LoggerMessage(EventIds.AcceleratorChosen, LogLevel.Information,
        "Guests run under {Accelerator} (CPU model {Model})")]
    private partial void LogAccelerator(string accelerator, string model);
}
