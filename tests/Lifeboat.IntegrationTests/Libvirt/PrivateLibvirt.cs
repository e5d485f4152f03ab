// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Xml.Linq;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Libvirt;

/// <summary>A real libvirtd of its own, whose domains end with it.</summary>
internal sealed class PrivateLibvirt : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly Process _keeper;

    private PrivateLibvirt(string directory, Process keeper) => (Directory, _keeper) = (directory, keeper);

    public string Directory { get; }
    public string Uri => $"qemu+unix:///system?socket={Directory}/libvirt-sock";

    /// <summary>What it lacks here; null: nothing.</summary>
    public static string? Missing =>
        Environment.UserName != "root" ? "a libvirtd of its own needs root"
        : !File.Exists("/usr/sbin/libvirtd") ? "there is no libvirtd (package libvirt-daemon)"
        : null;

    /// <summary>Skips the test where it cannot be.</summary>
    public static async Task<PrivateLibvirt> StartAsync(CancellationToken ct)
    {
        if (Missing is { } missing) Assert.Skip(missing);
        var directory = System.IO.Directory.CreateTempSubdirectory("lb-virt").FullName;
        var script = Path.Combine(AppContext.BaseDirectory, "Libvirt", "run-libvirt.sh");
        var libvirt = new PrivateLibvirt(directory,
            Process.Start(new ProcessStartInfo("bash", [script, directory]) { RedirectStandardInput = true })!);
        await libvirt.AnswersAsync(ct);
        return libvirt;
    }

    public string Address(string domain) => $"{Uri}#{domain}";

    /// <summary>Defines and starts a domain, in the manner of virt-install; its disks are vda, vdb, ...</summary>
    /// <param name="more">Further elements of `devices` and of `os`.</param>
    public async Task StartAsync(string name, IReadOnlyList<(string Path, string Format)> disks, int memoryMiB,
        IEnumerable<XElement> os, IEnumerable<XElement> devices, CancellationToken ct)
    {
        var domain = new XElement("domain", new XAttribute("type", "qemu"),
            new XElement("name", name),
            new XElement("memory", new XAttribute("unit", "MiB"), memoryMiB),
            new XElement("vcpu", 1),
            new XElement("os", new XElement("type", new XAttribute("machine", "q35"), "hvm"), os),
            new XElement("cpu", new XAttribute("mode", "maximum")),
            new XElement("devices",
                disks.Select((d, i) => new XElement("disk", new XAttribute("type", "file"),
                    new XElement("driver", new XAttribute("name", "qemu"), new XAttribute("type", d.Format)),
                    new XElement("source", new XAttribute("file", d.Path)),
                    new XElement("target",
                        new XAttribute("dev", $"vd{(char)('a' + i)}"), new XAttribute("bus", "virtio")))),
                new XElement("controller", new XAttribute("type", "usb"), new XAttribute("model", "none")),
                new XElement("memballoon", new XAttribute("model", "none")),
                devices));
        var file = Path.Combine(Directory, $"{name}.xml");
        await File.WriteAllTextAsync(file, domain.ToString(), ct);
        await VirshAsync(ct, "define", file);
        await VirshAsync(ct, "start", name);
    }

    /// <summary>`virsh`, as an operator beside us uses it. Returns what it printed.</summary>
    public Task<string> VirshAsync(CancellationToken ct, params string[] arguments) => VirshAtAsync(Uri, ct, arguments);

    /// <summary>The same through another socket.</summary>
    public static async Task<string> VirshAtAsync(string uri, CancellationToken ct, params string[] arguments)
    {
        var result = await HostCommand.RunAsync("virsh", ["-q", "-c", uri, .. arguments], ct);
        Assert.True(result.ExitCode == 0, $"virsh {string.Join(' ', arguments)}: {result.AllText}");
        return result.Output.Trim();
    }

    /// <summary>kill -9 of the daemon, which is started again; domains run on.</summary>
    public async Task KillDaemonAsync(CancellationToken ct)
    {
        // Its own number, in its own name space.
        var inside = (await File.ReadAllTextAsync(Path.Combine(Directory, "libvirtd.pid"), ct)).Trim();
        foreach (var folder in System.IO.Directory.EnumerateDirectories("/proc")
            .Where(f => int.TryParse(Path.GetFileName(f), NumberStyles.None, CultureInfo.InvariantCulture, out _)))
        {
            if (!IsDaemon(folder, inside)) continue;
            var id = int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture);
            using var daemon = Process.GetProcessById(id);
            daemon.Kill();
            await daemon.WaitForExitAsync(ct);
        }
    }

    public async Task AnswersAsync(CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        while ((await HostCommand.RunAsync("virsh", ["-q", "-c", Uri, "list"], ct)).ExitCode != 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < StartLimit, await LogAsync());
            await Task.Delay(100, ct);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private bool IsDaemon(string folder, string inside)
    {
        try
        {
            return File.ReadAllText($"{folder}/cmdline").Split('\0') is ["libvirtd", ..] arguments
                && arguments.Contains($"{Directory}/libvirtd.conf")
                && File.ReadLines($"{folder}/status").Any(l => l.StartsWith("NSpid:", StringComparison.Ordinal)
                    && l.EndsWith($"\t{inside}", StringComparison.Ordinal));
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task<string> LogAsync()
    {
        var log = Path.Combine(Directory, "libvirtd.log");
        return File.Exists(log) ? await File.ReadAllTextAsync(log) : "libvirtd did not start";
    }
}
