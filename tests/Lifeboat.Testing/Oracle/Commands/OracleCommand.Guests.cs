// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

public static partial class OracleCommand
{
    private static async Task<int> BuildAsync(CommandWords words, TextWriter output, CancellationToken ct)
    {
        var directory = words.Bare();
        words.End(bareTaken: true);
        var guest = await OracleGuest.BuildAsync(directory, ct);
        await output.WriteLineAsync($"{guest.KernelFile}\n{guest.InitrdFile}");
        return Done;
    }

    private static async Task<int> DiskAsync(CommandWords words, CancellationToken ct)
    {
        var size = words.Number("--size") ?? throw new OracleException(OracleFault.BadArguments, "--size is missing");
        var fileSystem = words.Choice<OracleFileSystem>("--fs") ?? OracleFileSystem.Raw;
        var disk = new OracleDisk(words.Bare(), size << 20, fileSystem);
        words.End(bareTaken: true);
        await disk.CreateAsync(ct);
        return Done;
    }

    private static async Task<int> BootAsync(CommandWords words, TextWriter talk, CancellationToken ct)
    {
        var files = words.One("--guest-files");
        var options = new OracleVmOptions
        {
            Name = words.Maybe("--host") ?? "oracle",
            Directory = words.One("--dir"),
            Guest = new OracleGuest(Path.Combine(files, "vmlinuz"), Path.Combine(files, "initrd")),
            Disks = [.. words.Many("--disk").Select(path => new OracleDisk(path, 0, OracleFileSystem.Raw))],
            WitnessSocket = words.Maybe("--witness"),
            Bus = words.Has("--scsi") ? OracleBus.VirtioScsi : OracleBus.VirtioBlk,
            StayAfterShutdown = words.Has("--stay"),
            MemoryMiB = (int)(words.Number("--memory") ?? 256),
            ExtraArguments = words.Many("--qemu"),
        };
        options = options with { Workload = Workload(words, options.Name) };
        words.End();
        await using var vm = await OracleVm.StartAsync(options, ct);
        await talk.WriteLineAsync($"oracle: guest {options.Name} runs as process {vm.ProcessId}");
        await vm.WaitForEndAsync(ct);
        return Done;
    }

    private static OracleWorkload Workload(CommandWords words, string host) => new()
    {
        HostName = host,
        LoadWriters = (int)(words.Number("--load") ?? 0),
        LoadKind = words.Choice<OracleLoadKind>("--load-kind") ?? OracleLoadKind.Rand,
        Pause = TimeSpan.FromMicroseconds(words.Number("--pause") ?? 0),
        RecordBytes = (int)(words.Number("--record") ?? 512),
        Slots = (int)(words.Number("--slots") ?? 0),
    };
}
