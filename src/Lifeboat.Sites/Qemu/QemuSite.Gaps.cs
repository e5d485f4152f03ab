// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.Qemu.Host;
using Lifeboat.Sites.Qemu.Networks;

namespace Lifeboat.Sites.Qemu;

internal sealed partial class QemuSite
{
    public async Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated,
        CancellationToken ct)
    {
        var gaps = new List<(string Instance, string Sentence)>();
        foreach (var instance in instances)
            gaps.AddRange((await GapsAsync(instance, ct)).Select(g => (instance.Name, g)));
        var running = isolated ? [] : (await ListAsync(ct)).Where(i => i.Power is InstancePower.Running)
            .Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        return new SiteFit(
            [.. MemoryGaps([.. instances.Where(i => !running.Contains(i.Name))]), .. SiteFit.Said(gaps)], []);
    }

    private async Task<IReadOnlyList<string>> GapsAsync(InstanceDescription description, CancellationToken ct)
    {
        var gaps = new List<string>();
        if (description.Cpus > Environment.ProcessorCount * 4)
            gaps.Add($"processors: {description.Cpus} wanted, this host has {Environment.ProcessorCount}");
        gaps.AddRange(NetworkGaps(description));
        gaps.AddRange(BootGaps(description));
        gaps.AddRange(description.Disks.Where(d => d.Bus is not ("virtio" or "scsi" or "ide" or "nvme"))
            .Select(d => $"disk '{d.Name}': bus '{d.Bus}' is not known; known are virtio, scsi, ide, nvme"));
        gaps.AddRange(ToolGaps(description));
        if (Tool.Find(_options.Program) is not null) gaps.AddRange(await MachineGapsAsync(description, ct));
        return gaps;
    }

    private IEnumerable<string> MemoryGaps(IReadOnlyList<InstanceDescription> instances)
    {
        var available = File.ReadLines("/proc/meminfo")
            .First(l => l.StartsWith("MemAvailable:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        var free = long.Parse(available, CultureInfo.InvariantCulture) / 1024 - _options.MemoryReserveMiB;
        var wanted = instances.Sum(i => (long)i.MemoryMiB);
        if (wanted > free)
            yield return $"{string.Join(", ", instances.Select(i => i.Name))}: memory: {wanted} MiB wanted"
                + $"{(instances.Count > 1 ? " together" : "")}, {Math.Max(free, 0)} MiB free";
    }

    private IEnumerable<string> NetworkGaps(InstanceDescription description)
    {
        if (description.Nics.Count == 0) yield break;
        if (Environment.UserName != "root") yield return "networks need a controller that runs as root";
        var all = SiteNetwork.Read(NetworksFile);
        foreach (var nic in description.Nics)
        {
            var network = all.FirstOrDefault(n => n.Name == nic.Network);
            if (network is null)
                yield return $"network '{nic.Network}' is not at this site (see {NetworksFile})";
            else if (nic.Address is { } address && !network.Holds(address))
                yield return $"network '{nic.Network}': {address} is not in {network.Subnet}";
        }
    }

    private IEnumerable<string> BootGaps(InstanceDescription description)
    {
        if (description.Kernel is { } kernel)
        {
            if (!File.Exists(kernel.KernelFile)) yield return $"the kernel is not there: {kernel.KernelFile}";
            if (kernel.InitrdFile is { } initrd && !File.Exists(initrd))
                yield return $"the initrd is not there: {initrd}";
        }
        if (!description.Uefi) yield break;
        foreach (var file in new[] { _options.UefiCode, _options.UefiVariables })
            if (!File.Exists(file)) yield return $"UEFI firmware is not there: {file} (on Debian: package ovmf)";
    }

    private IEnumerable<string> ToolGaps(InstanceDescription description)
    {
        string[] needed = description.Nics.Count > 0
            ? [_options.Program, "qemu-img", "setsid", "ip", "dnsmasq", "nft"]
            : [_options.Program, "qemu-img", "setsid"];
        return needed.Where(t => Tool.Find(t) is null).Select(t => $"the program '{t}' is not on this host");
    }

    private async Task<IEnumerable<string>> MachineGapsAsync(InstanceDescription description, CancellationToken ct)
    {
        var listed = (await Tool.RunAsync(_options.Program, ["-machine", "help"], ct))
            .OrThrow("asking QEMU what it can do");
        var machines = listed.Output.Split('\n').Select(l => l.Split(' ')[0]);
        var wanted = description.Machine.Split(',')[0];
        return machines.Contains(wanted, StringComparer.Ordinal) ? []
            : [$"machine type '{wanted}' is not offered by the QEMU of this host"];
    }
}
