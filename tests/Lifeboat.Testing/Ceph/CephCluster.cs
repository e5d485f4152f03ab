// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Testing.Ceph;

/// <summary>
/// A real Ceph cluster on loopback (kit/ceph), in a directory of its own; it goes when it is disposed of, or when this
/// process ends. About 400 MiB of memory, 10 s to start.
/// </summary>
public sealed class CephCluster : IAsyncDisposable
{
    public const string Pool = "lifeboat";
    public const string User = "admin";
    private static readonly string[] Needed =
    [
        "/usr/bin/ceph-mon", "/usr/bin/ceph-mgr", "/usr/bin/ceph-osd", "/usr/bin/ceph", "/usr/bin/rbd",
        "/usr/bin/qemu-storage-daemon",
    ];
    private readonly string _directory;

    private CephCluster(string directory) => _directory = directory;

    /// <summary>Why there can be none on this machine; null: there can.</summary>
    public static string? Missing
    {
        get
        {
            var missing = Needed.Where(p => !File.Exists(p)).ToList();
            if (!Directory.EnumerateFiles("/usr/lib", "block-rbd.so", SearchOption.AllDirectories).Any())
                missing.Add("QEMU's block-rbd.so");
            return missing.Count == 0 ? null
                : $"no Ceph here: {string.Join(", ", missing)} missing; kit/set-up --with-ceph installs it";
        }
    }

    public string ConfigurationFile => Path.Combine(_directory, "c", "ceph.conf");

    public static async Task<CephCluster> StartAsync(CancellationToken ct)
    {
        var cluster = new CephCluster(Directory.CreateTempSubdirectory("lifeboat-ceph-").FullName);
        try
        {
            await HostCommand.MustAsync(Kit(), ["start", cluster.Place, $"{Environment.ProcessId}"], ct);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>What `rbd` says; it must succeed.</summary>
    public Task<string> RbdAsync(IEnumerable<string> arguments, CancellationToken ct) =>
        HostCommand.MustAsync("rbd", ["-c", ConfigurationFile, .. arguments], ct);

    public async Task<IReadOnlyList<string>> ImagesAsync(CancellationToken ct) =>
        JsonSerializer.Deserialize<string[]>(await RbdAsync(["ls", Pool, "--format", "json"], ct))!;

    public async ValueTask DisposeAsync()
    {
        await HostCommand.MustAsync(Kit(), ["stop", Place], CancellationToken.None);
        Directory.Delete(_directory, recursive: true);
    }

    private string Place => Path.Combine(_directory, "c");

    private static string Kit()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Path.Combine(folder.FullName, "kit", "ceph") is var kit && File.Exists(kit)) return kit;
        throw new OracleException(OracleFault.ToolMissing, "kit/ceph is not above the tests");
    }
}
