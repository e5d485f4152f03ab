// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.Qemu.Host;
using Lifeboat.Sites.Qemu.Instances;

namespace Lifeboat.Sites.Qemu.Adopting;

/// <summary>
/// Reads the description of a running QEMU from its monitor, and changes nothing. File names may be relative to where
/// its user started it, so they are taken from that process's directory.
/// </summary>
/// <param name="network">Name of the network that its cards are described to be on.</param>
internal sealed class InstanceReader(ObjectTree tree, string name, HostProcess process, string network)
{
    public async Task<ReadInstance> ReadAsync(CancellationToken ct)
    {
        var disks = new DiskReader(tree, name, path => process.Absolute(path));
        var read = await disks.ReadAsync(ct);
        var devices = await tree.DevicesAsync(ct);
        var ports = await PortsAsync(devices, ct);
        return new ReadInstance(process, new InstanceDescription
        {
            Name = name,
            Cpus = (await tree.QueryAsync("query-cpus-fast", ct)).GetArrayLength(),
            MemoryMiB = await MemoryAsync(ct),
            Machine = Cut(await tree.TextAsync("/machine", "type", ct), "-machine"),
            CpuModel = await CpuModelAsync(ct),
            Kernel = await KernelAsync(ct),
            Uefi = disks.HasFirmwareFlash,
            Disks = [.. read.Select(d => d.Description)],
            Nics = await NicsAsync(devices, ct),
            Channels = 
            [
                .. ports.Where(p => p.ConnectTo is not null).Select(p => new InstanceChannel(p.Name, p.ConnectTo!)),
            ],
            GuestAgent = ports.Any(p => p.Name == QemuCommandLine.GuestAgentPort),
        }, [.. read.Select(d => d.Record)]);
    }

    private async Task<int> MemoryAsync(CancellationToken ct)
    {
        var memory = await tree.QueryAsync("query-memory-size-summary", ct);
        var plugged = memory.TryGetProperty("plugged-memory", out var more) ? more.GetInt64() : 0;
        return (int)((memory.GetProperty("base-memory").GetInt64() + plugged) >> 20);
    }

    private async Task<string> CpuModelAsync(CancellationToken ct)
    {
        var cpus = await tree.QueryAsync("query-cpus-fast", ct);
        var first = cpus.EnumerateArray().First();
        var type = await tree.TextAsync(first.GetProperty("qom-path").GetString()!, "type", ct);
        var target = first.TryGetProperty("target", out var t) ? t.GetString() : "x86_64";
        var model = Cut(type, $"-{target}-cpu");
        return model.Length > 0 ? model : "max";
    }

    private async Task<KernelBoot?> KernelAsync(CancellationToken ct)
    {
        var kernel = await tree.TextAsync("/machine", "kernel", ct);
        if (kernel.Length == 0) return null;
        var initrd = await tree.TextAsync("/machine", "initrd", ct);
        return new KernelBoot(process.Absolute(kernel), initrd.Length > 0 ? process.Absolute(initrd) : null,
            await tree.TextAsync("/machine", "append", ct));
    }

    private async Task<IReadOnlyList<InstanceNic>> NicsAsync(IReadOnlyList<TreeDevice> devices, CancellationToken ct)
    {
        var found = new List<(int Address, InstanceNic Nic)>();
        foreach (var device in devices.Where(d => !d.Type.Contains("memory-region", StringComparison.Ordinal)
            && d.Type is not ("irq" or "container")))
        {
            if (await tree.GetAsync(device.Path, "netdev", ct) is null) continue;
            var mac = await tree.TextAsync(device.Path, "mac", ct);
            if (mac.Length == 0) continue;
            var model = device.Type.StartsWith("virtio-net", StringComparison.Ordinal) ? "virtio" : device.Type;
            found.Add((await tree.PciAddressAsync(device.Path, ct),
                new InstanceNic(network, model, mac.ToLowerInvariant(), null)));
        }
        return [.. found.OrderBy(f => f.Address).Select(f => f.Nic)];
    }

    private async Task<IReadOnlyList<Port>> PortsAsync(IReadOnlyList<TreeDevice> devices, CancellationToken ct)
    {
        var backends = (await tree.QueryAsync("query-chardev", ct)).EnumerateArray()
            .ToDictionary(c => c.GetProperty("label").GetString()!, c => c.GetProperty("filename").GetString() ?? "");
        var ports = new List<Port>();
        foreach (var device in devices.Where(d => d.Type == "virtserialport"))
        {
            var port = await tree.TextAsync(device.Path, "name", ct);
            var label = await tree.TextAsync(device.Path, "chardev", ct);
            var shown = backends.GetValueOrDefault(label, "");
            if (port.Length > 0) ports.Add(new Port(port, await ClientSocketAsync(label, shown, ct)));
        }
        return ports;
    }

    // A connected client shows as `unix:` without its path, so the path comes from the backend itself; whether it
    // listens (`,server=on`) only from how it shows.
    private async Task<string?> ClientSocketAsync(string label, string shown, CancellationToken ct)
    {
        if (!shown.Contains("unix:", StringComparison.Ordinal) || shown.Contains(",server", StringComparison.Ordinal))
            return null;
        return await tree.GetAsync($"/chardevs/{label}", "addr", ct) is { ValueKind: JsonValueKind.Object } address
            && address.TryGetProperty("path", out var path) && path.GetString() is { Length: > 0 } text
            ? process.Absolute(text) : null;
    }

    private static string Cut(string text, string end) =>
        text.EndsWith(end, StringComparison.Ordinal) ? text[..^end.Length] : text;

    private sealed record Port(string Name, string? ConnectTo);
}

/// <param name="Monitor">How it is reached: a path, or an address at a libvirt.</param>
internal sealed record ReadInstance(HostProcess Process, InstanceDescription Description,
    IReadOnlyList<DiskRecord> Disks, string Monitor = "");

/// <param name="Problem">Why it cannot be protected; null: it can.</param>
/// <param name="Image">What lies at the bottom of its image, seen from this host or not.</param>
internal sealed record ReadDisk(InstanceDisk Description, DiskRecord Record, string Image, string? Problem = null);
