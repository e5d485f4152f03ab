// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// Sites of `./testbed` that are up already: this suite starts none. They are in `LIFEBOAT_TESTBED`, else in
/// `artifacts/testbed` of the source tree.
/// </summary>
internal static class Testbed
{
    /// <summary>The member's login at the site to try, as `clouds.yaml` calls it.</summary>
    public static string Member { get; } = Environment.GetEnvironmentVariable(Variable) ?? "lifeboat-a";
    private const string Variable = "LIFEBOAT_TESTBED_CLOUD";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static async Task<CloudSession> OpenAsync(string cloud, CancellationToken ct) =>
        new(await SettingsAsync(cloud, ct), null, CloudHttpOptions.Default, TimeProvider.System,
            NullLoggerFactory.Instance);

    /// <summary>For tests of minutes: they run where a testbed is what is tested.</summary>
    public static void SkipUnlessAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is null)
            Assert.Skip("takes minutes on a testbed: ./testbed test runs it");
    }

    public static string Folder => Environment.GetEnvironmentVariable("LIFEBOAT_TESTBED")
        ?? Path.Combine(SourceTree(), "artifacts", "testbed");

    public static string File => Path.Combine(Folder, "clouds.yaml");

    /// <summary>What of a site is reached as files: its Ceph cluster, its libvirt.</summary>
    public static string FolderOf(string site) => Path.Combine(Folder, site);

    /// <summary>Options of a site that is that cloud; volumes of the type `rbd` can be filled.</summary>
    /// <param name="folder">For the configuration of Ceph that the options name.</param>
    public static JsonElement Options(string folder) =>
        Written(DriverOptions(folder));

    public static JsonElement Written(OpenStackSiteOptions options) =>
        JsonSerializer.SerializeToElement(options, ContractJson.Options);

    public static OpenStackSiteOptions DriverOptions(string folder) =>
        OptionsOf(folder, Member["lifeboat-".Length..]) with { Cloud = Member, CloudsFile = File };

    /// <summary>As above, without saying which login.</summary>
    public static OpenStackSiteOptions OptionsOf(string folder, string site)
    {
        var ceph = Path.Combine(FolderOf(site), "shared", "ceph");
        var configuration = Path.Combine(folder, "ceph.conf");
        var monitors = System.IO.File.ReadAllLines(Path.Combine(ceph, "ceph.conf"))
            .First(l => l.StartsWith("mon_host", StringComparison.Ordinal));
        System.IO.File.WriteAllText(configuration,
            $"[global]\n{monitors}\n[client]\nkeyring = {Path.Combine(ceph, "ceph.client.cinder.keyring")}\n");
        return new OpenStackSiteOptions
        {
            Libvirt = $"qemu+unix:///system?socket={Path.Combine(FolderOf(site), "libvirt", "libvirt-sock")}",
            Volumes = new Dictionary<string, VolumePlace>
            {
                ["rbd"] = new()
                {
                    Rbd = new RbdSettings { Pool = "volumes", ConfigurationFile = configuration, User = "cinder" },
                },
            },
        };
    }

    /// <summary>The share of the site's file driver, which is a folder of the site's own file system.</summary>
    public static VolumePlace ShareOf(string site)
    {
        var first = System.IO.File.ReadAllText(Path.Combine(FolderOf(site), "init.pid")).Split(' ')[0].Trim();
        return new VolumePlace { Folder = $"/proc/{first}/root/srv/volumes", Format = "qcow2" };
    }

    public static async Task<CloudSettings> SettingsAsync(string cloud, CancellationToken ct)
    {
        if (!System.IO.File.Exists(File)) Assert.Skip($"no testbed: {File} is not there; ./testbed up makes it");
        var settings = CloudsFile.Read(CloudsSearch.OfThisProcess(File), cloud);
        if (!await AnswersAsync(settings.AuthUrl, ct))
            Assert.Skip($"the testbed's cloud '{cloud}' is not up: nothing answers at {settings.AuthUrl}");
        return settings;
    }

    public static string SourceTree()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !System.IO.File.Exists(Path.Combine(at.FullName, "Lifeboat.slnx"))) at = at.Parent;
        return at?.FullName ?? AppContext.BaseDirectory;
    }

    private static async Task<bool> AnswersAsync(Uri url, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            using var tcp = new TcpClient();
            await tcp.ConnectAsync(url.Host, url.Port, limit.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException
            || e is OperationCanceledException && !ct.IsCancellationRequested)
        {
            return false;
        }
    }
}
