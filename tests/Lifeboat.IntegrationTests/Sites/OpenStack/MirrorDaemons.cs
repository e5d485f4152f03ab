// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// The pools `volumes` of both sites of the testbed as each other's mirror (image by image, so that nobody else's
/// volume is carried), with one rbd-mirror of each site on this machine. All of it ends with the test.
/// </summary>
internal sealed class MirrorDaemons : IAsyncDisposable
{
    private const string Pool = "volumes";
    private static readonly string[] Sites = ["a", "b"];
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-mirror-").FullName;
    private readonly Dictionary<string, Process> _running = [];

    /// <summary>Skips where rbd-mirror is not installed.</summary>
    public static async Task<MirrorDaemons> StartAsync(CancellationToken ct)
    {
        if (!File.Exists("/usr/bin/rbd-mirror"))
            Assert.Skip("rbd-mirror is not installed: kit/set-up --with-ceph installs it");
        var daemons = new MirrorDaemons();
        try
        {
            foreach (var site in Sites) daemons.Configure(site);
            foreach (var site in Sites)
                await daemons.RbdAsync(site,
                    ["mirror", "pool", "enable", "--site-name", $"lb-{site}", Pool, "image"], ct);
            var token = Path.Combine(daemons._folder, "token");
            await File.WriteAllTextAsync(token, await daemons.RbdAsync("a",
                ["mirror", "pool", "peer", "bootstrap", "create", "--site-name", "lb-a", Pool], ct), ct);
            await daemons.RbdAsync("b", ["mirror", "pool", "peer", "bootstrap", "import", "--site-name", "lb-b",
                "--direction", "rx-tx", Pool, token], ct);
            foreach (var site in Sites) daemons.Start(site);
            return daemons;
        }
        catch
        {
            await daemons.DisposeAsync();
            throw;
        }
    }

    public void Start(string site)
    {
        var start = new ProcessStartInfo("rbd-mirror", ["-f", "-c", Configuration(site), "-n", "client.admin"])
        {
            RedirectStandardError = true, RedirectStandardOutput = true,
        };
        // It opens its own cluster once more, from where this says.
        start.Environment["CEPH_CONF"] = Configuration(site);
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _running[site] = process;
    }

    // Not killed: it watches the other site's images, and for half a minute more no snapshot could be made of them.
    public async Task StopAsync(string site)
    {
        if (!_running.Remove(site, out var process)) return;
        await HostCommand.RunAsync("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)],
            CancellationToken.None);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }
        process.Dispose();
    }

    /// <summary>Names of images of the pool that are mirrored, or clones of ours.</summary>
    public async Task<IReadOnlyList<string>> OursAsync(string site, CancellationToken ct)
    {
        var found = new List<string>();
        var all = (await RbdAsync(site, ["ls", Pool], ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var image in all)
        {
            if (image.StartsWith("lifeboat-", StringComparison.Ordinal)) found.Add(image);
            else if ((await HostCommand.RunAsync("rbd", [.. As(site), "info", $"{Pool}/{image}"], ct)).Output
                .Contains("mirroring global id", StringComparison.Ordinal)) found.Add(image);
        }
        return found;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var site in _running.Keys.ToList()) await StopAsync(site);
        foreach (var site in Sites)
        {
            // What a test that was cut short left: copies are nobody's without their primary.
            foreach (var image in await OursAsync(site, CancellationToken.None))
            {
                await HostCommand.RunAsync("rbd", [.. As(site), "mirror", "image", "disable", "--force",
                    $"{Pool}/{image}"], CancellationToken.None);
                await HostCommand.RunAsync("rbd", [.. As(site), "snap", "purge", $"{Pool}/{image}"],
                    CancellationToken.None);
                await HostCommand.RunAsync("rbd", [.. As(site), "rm", $"{Pool}/{image}"], CancellationToken.None);
            }
            await PartAsync(site);
            await HostCommand.RunAsync("ceph", [.. As(site), "auth", "rm", "client.rbd-mirror-peer"],
                CancellationToken.None);
        }
        Directory.Delete(_folder, recursive: true);
    }

    // A pool that has peers stays a mirror.
    private async Task PartAsync(string site)
    {
        var told = await HostCommand.RunAsync("rbd", [.. As(site), "mirror", "pool", "info", "--format", "json", Pool],
            CancellationToken.None);
        if (JsonNode.Parse(told.Output)?["peers"] is JsonArray peers)
            foreach (var peer in peers)
                await HostCommand.RunAsync("rbd", [.. As(site), "mirror", "pool", "peer", "remove", Pool,
                    peer!["uuid"]!.GetValue<string>()], CancellationToken.None);
        await HostCommand.RunAsync("rbd", [.. As(site), "mirror", "pool", "disable", Pool], CancellationToken.None);
    }

    private void Configure(string site)
    {
        var ceph = Path.Combine(Testbed.FolderOf(site), "shared", "ceph");
        var monitors = File.ReadAllLines(Path.Combine(ceph, "ceph.conf"))
            .First(l => l.StartsWith("mon_host", StringComparison.Ordinal));
        Directory.CreateDirectory(Path.Combine(_folder, site));
        File.WriteAllText(Configuration(site), $"[global]\n{monitors}\n[client]\nadmin_socket =\nlog_file =\n"
            + $"keyring = {Path.Combine(ceph, "ceph.client.admin.keyring")}\n");
    }

    private string Configuration(string site) => Path.Combine(_folder, site, "ceph.conf");

    private string[] As(string site) => ["-c", Configuration(site), "--id", "admin"];

    private async Task<string> RbdAsync(string site, IEnumerable<string> arguments, CancellationToken ct)
    {
        var answer = await HostCommand.RunAsync("rbd", [.. As(site), .. arguments], ct);
        Assert.True(answer.ExitCode == 0, $"rbd {string.Join(' ', arguments)}: {answer.Output} {answer.Errors}");
        return answer.Output;
    }
}
