// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;

namespace Lifeboat.Testing.Oracle;

public enum OracleBus { VirtioBlk, VirtioScsi }

/// <summary>How to start an oracle guest by hand, as somebody would who has never heard of Lifeboat.</summary>
public sealed record OracleVmOptions
{
    public required string Name { get; init; }
    /// <summary>For sockets and the console log; made when missing. Socket paths end at 107 bytes.</summary>
    public required string Directory { get; init; }
    /// <summary>Null: its first disk boots by itself (`kit/guest/image`), and its workload is as it is there.</summary>
    public required OracleGuest? Guest { get; init; }
    /// <summary>Any number; order is the order in the guest.</summary>
    public required IReadOnlyList<OracleDisk> Disks { get; init; }
    public OracleWorkload Workload { get; init; } = OracleWorkload.Default;
    public OracleBus Bus { get; init; } = OracleBus.VirtioBlk;
    public int MemoryMiB { get; init; } = 256;
    public int Cpus { get; init; } = 1;
    /// <summary>Unix socket of a witness; null: none.</summary>
    public string? WitnessSocket { get; init; }
    /// <summary>True: QEMU stays, stopped, after the guest has powered off: its disks remain captured.</summary>
    public bool StayAfterShutdown { get; init; }
    /// <summary>`tcg` or `kvm`; null: probe.</summary>
    public string? Accelerator { get; init; }
    /// <summary>Further QEMU arguments, e.g. network cards.</summary>
    public IReadOnlyList<string> ExtraArguments { get; init; } = [];

    public string QmpSocket => Path.Combine(Directory, "qmp.sock");
    /// <summary>A second monitor, for the test itself, so that the first is free for the product.</summary>
    public string TestQmpSocket => Path.Combine(Directory, "qmp-test.sock");
    public string GuestAgentSocket => Path.Combine(Directory, "qga.sock");
    public string ConsoleLog => Path.Combine(Directory, "console.log");

    public IEnumerable<string> Problems()
    {
        if (Disks.Count is < 1 or > 25) yield return $"{Disks.Count} disks are not between 1 and 25";
        if (MemoryMiB < 128) yield return $"{MemoryMiB} MiB of memory are too few for the guest";
        if (TestQmpSocket.Length > 107) yield return $"{TestQmpSocket} is too long for a socket";
        foreach (var problem in Workload.Problems()) yield return problem;
    }

    /// <summary>The whole argument list of `qemu-system-x86_64`.</summary>
    public IReadOnlyList<string> Arguments(string accelerator)
    {
        List<string> a =
        [
            "-name", Name, "-machine", "q35", "-accel", accelerator, "-cpu", accelerator == "kvm" ? "host" : "max",
            "-m", $"{MemoryMiB}", "-smp", $"{Cpus}", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            .. Guest is null ? (string[])[]
                : ["-kernel", Guest.KernelFile, "-initrd", Guest.InitrdFile,
                    "-append", Workload.CommandLine(Disks.Count)],
            "-chardev", $"file,id=console,path={ConsoleLog}", "-serial", "chardev:console",
            "-qmp", $"unix:{QmpSocket},server=on,wait=off", "-qmp", $"unix:{TestQmpSocket},server=on,wait=off",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", $"socket,id=qga,path={GuestAgentSocket},server=on,wait=off",
            "-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0",
        ];
        if (StayAfterShutdown) a.Add("-no-shutdown");
        if (WitnessSocket is not null)
            a.AddRange(["-chardev", $"socket,id=witness,path={WitnessSocket},server=off,reconnect=1",
                "-device", "virtserialport,chardev=witness,name=lifeboat.witness"]);
        if (Bus == OracleBus.VirtioScsi) a.AddRange(["-device", "virtio-scsi-pci,id=scsi0"]);
        for (var i = 0; i < Disks.Count; i++) a.AddRange(DiskArguments(i));
        a.AddRange(ExtraArguments);
        return a;
    }

    /// <summary>The same guest as a site driver would be told to build it.</summary>
    public InstanceDescription Describe(params IReadOnlyList<InstanceNic> nics) => new()
    {
        Name = Name,
        Cpus = Cpus,
        MemoryMiB = MemoryMiB,
        Kernel = Guest is null ? null
            : new KernelBoot(Guest.KernelFile, Guest.InitrdFile, Workload.CommandLine(Disks.Count)),
        Disks = [.. Disks.Select((disk, i) => new InstanceDisk(
            $"vd{i}", Bus == OracleBus.VirtioBlk ? "virtio" : "scsi", i, disk.SizeBytes, null))],
        Nics = nics,
        Channels = WitnessSocket is null ? [] : [new InstanceChannel("lifeboat.witness", WitnessSocket)],
        GuestAgent = true,
    };

    private IEnumerable<string> DiskArguments(int i) =>
    [
        "-blockdev", $"driver=file,node-name=file{i},filename={Disks[i].Path},discard=unmap",
        "-blockdev", $"driver=raw,node-name=disk{i},file=file{i},discard=unmap",
        "-device", Bus == OracleBus.VirtioBlk
            ? $"virtio-blk-pci,drive=disk{i},id=vd{i}"
            : $"scsi-hd,bus=scsi0.0,scsi-id={i},drive=disk{i},id=vd{i}",
    ];
}
