// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json.Nodes;
using Lifeboat.Protection.Instances;

namespace Lifeboat.Sites.Qemu.Instances;

/// <summary>What QEMU is started with: everything said, nothing left to its defaults.</summary>
/// <param name="Incoming">The guest comes from another process.</param>
/// <param name="Taps">Interface names, one per network card of the description.</param>
internal sealed record QemuCommandLine(InstanceRecord Record, InstanceFolder Folder, QemuSiteOptions Options, bool Kvm,
    IReadOnlyList<string> Taps, bool Incoming = false)
{
    public const string GuestAgentPort = "org.qemu.guest_agent.0";

    private InstanceDescription Description => Record.Description;

    public IReadOnlyList<string> Build() =>
    [
        "-name", $"guest={Record.Name},debug-threads=on",
        "-pidfile", Folder.PidFile,
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-no-user-config", "-nodefaults", "-display", "none", "-vga", "none",
        "-msg", "timestamp=on",
        "-machine", $"{Description.Machine},accel={(Kvm ? "kvm" : "tcg")}",
        "-cpu", CpuModel(Description.CpuModel, Kvm),
        "-m", string.Create(CultureInfo.InvariantCulture, $"{Description.MemoryMiB}M"),
        "-smp", Description.Cpus.ToString(CultureInfo.InvariantCulture),
        // A guest that powers itself off leaves its disks open: what it wrote last is still captured and shipped.
        "-action", "shutdown=pause",
        "-rtc", "base=utc",
        .. Monitors(), .. Boot(), .. Disks(), .. Nics(), .. Ports(),
        // Paused when the guest has come: it runs when it is written down that it is here.
        .. Incoming ? ["-S", "-incoming", "defer"] : Array.Empty<string>(),
        "-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0",
    ];

    /// <summary>`host` is what `max` means under KVM; TCG has only the latter.</summary>
    public static string CpuModel(string model, bool kvm) => model == "host" && !kvm ? "max" : model;

    /// <summary>The device id of a disk; also what the monitor calls it.</summary>
    public static string DeviceId(InstanceDisk disk) => char.IsAsciiLetter(disk.Name[0]) ? disk.Name : "d-" + disk.Name;

    private IEnumerable<string> Monitors() =>
    [
        "-chardev", $"socket,id=qmp,path={Escape(Folder.Qmp)},server=on,wait=off", "-mon", "chardev=qmp,mode=control",
        "-chardev", $"socket,id=qmp-site,path={Escape(Folder.SiteQmp)},server=on,wait=off",
        "-mon", "chardev=qmp-site,mode=control",
        "-chardev", $"file,id=serial,path={Escape(Folder.Serial)},append=on", "-serial", "chardev:serial",
    ];

    private IEnumerable<string> Boot()
    {
        if (Description.Uefi)
        {
            yield return "-drive";
            yield return $"if=pflash,format=raw,readonly=on,file={Escape(Options.UefiCode)}";
            yield return "-drive";
            yield return $"if=pflash,format=raw,file={Escape(Folder.UefiVariables)}";
        }
        if (Description.Kernel is not { } kernel) yield break;
        yield return "-kernel";
        yield return kernel.KernelFile;
        if (kernel.InitrdFile is { } initrd)
        {
            yield return "-initrd";
            yield return initrd;
        }
        yield return "-append";
        yield return kernel.CommandLine;
    }

    private IEnumerable<string> Disks()
    {
        var ordered = Description.Disks.OrderBy(d => d.Order).ToList();
        if (ordered.Any(d => d.Bus == "scsi"))
        {
            yield return "-device";
            yield return "virtio-scsi-pci,id=scsi0";
        }
        var ide = 0;
        for (var order = 0; order < ordered.Count; order++)
        {
            var disk = ordered[order];
            foreach (var node in BlockNodes.Of(Record.Disk(disk.Name), order, Options))
            {
                yield return "-blockdev";
                yield return node.ToJsonString();
            }
            yield return "-device";
            yield return Device(disk, order, disk.Bus == "ide" ? ide++ : 0).ToJsonString();
        }
    }

    private JsonObject Device(InstanceDisk disk, int order, int ideUnit)
    {
        var device = new JsonObject { ["id"] = DeviceId(disk), ["drive"] = BlockNodes.Top(order) };
        // SeaBIOS and OVMF boot in this order; with a kernel given there is nothing to choose.
        if (Description.Kernel is null) device["bootindex"] = order;
        if (disk.Serial is { Length: > 0 } serial) device["serial"] = serial;
        switch (disk.Bus)
        {
            case "virtio":
                device["driver"] = "virtio-blk-pci";
                break;
            case "scsi":
                device["driver"] = "scsi-hd";
                device["bus"] = "scsi0.0";
                break;
            case "nvme":
                device["driver"] = "nvme";
                device["serial"] ??= disk.Name;
                break;
            case "ide":
                device["driver"] = "ide-hd";
                var q35 = Description.Machine.Contains("q35", StringComparison.Ordinal);
                device["bus"] = q35 ? $"ide.{ideUnit}" : $"ide.{ideUnit / 2}";
                if (!q35) device["unit"] = ideUnit % 2;
                break;
            default:
                throw new SiteException(SiteFault.Refused,
                    $"{Record.Name}: disk '{disk.Name}' is on bus '{disk.Bus}'; known are virtio, scsi, ide, nvme");
        }
        return device;
    }

    private IEnumerable<string> Nics()
    {
        for (var i = 0; i < Description.Nics.Count; i++)
        {
            var model = Description.Nics[i].Model == "virtio" ? "virtio-net-pci" : Description.Nics[i].Model;
            yield return "-netdev";
            yield return $"tap,id=net{i},ifname={Taps[i]},script=no,downscript=no";
            yield return "-device";
            yield return $"{model},id=nic{i},netdev=net{i},mac={Description.Nics[i].Mac}";
        }
    }

    private IEnumerable<string> Ports()
    {
        if (!Description.GuestAgent && Description.Channels.Count == 0) yield break;
        yield return "-device";
        yield return "virtio-serial-pci,id=ports";
        if (Description.GuestAgent)
        {
            yield return "-chardev";
            yield return $"socket,id=qga,path={Escape(Folder.GuestAgent)},server=on,wait=off";
            yield return "-device";
            yield return $"virtserialport,chardev=qga,name={GuestAgentPort}";
        }
        for (var i = 0; i < Description.Channels.Count; i++)
        {
            yield return "-chardev";
            // The guest of a drill keeps its port, but nobody is at the other end.
            yield return Record.Bubble is null
                ? $"socket,id=channel{i},path={Escape(Description.Channels[i].ConnectTo)},server=off,reconnect=1"
                : $"socket,id=channel{i},path={Escape(Folder.Channel(i))},server=on,wait=off";
            yield return "-device";
            yield return $"virtserialport,chardev=channel{i},name={Escape(Description.Channels[i].PortName)}";
        }
    }

    // In QEMU's option lists a comma in a value is written twice.
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
