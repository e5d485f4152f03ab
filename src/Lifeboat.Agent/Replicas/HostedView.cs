// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Agent.Replicas;

/// <summary>A point-in-time view with its NBD servers: one socket per volume, in a directory of its own.</summary>
internal sealed class HostedView : IAsyncDisposable
{
    private const int SocketPathMax = 107;
    private readonly List<NbdServer> _servers = [];

    private HostedView(ViewInfo info, string directory)
    {
        Info = info;
        Directory = directory;
    }

    public ViewInfo Info { get; }
    public string Directory { get; }

    /// <exception cref="ProblemException">The site directory's path is too long for unix sockets.</exception>
    public static async Task<HostedView> StartAsync(
        SitePaths paths, string group, PointInTimeView view, ViewInfo wanted, IReadOnlyList<Volume> volumes)
    {
        var directory = DirectoryOf(paths, group, view.Name);
        var exported = volumes.Select(v => new ViewVolume(v.Index, v.Name,
            Path.Combine(directory, $"{v.Index}.sock"), v.Name, v.SizeBytes)).ToList();
        if (exported.Max(v => Encoding.UTF8.GetByteCount(v.Socket)) > SocketPathMax)
            throw new ProblemException(ReasonCode.InvalidRequest, $"{paths.Root} is too long a path for unix sockets",
                $"A socket of the view would be {exported[0].Socket}; {SocketPathMax} bytes are the most.");
        System.IO.Directory.CreateDirectory(directory);
        var hosted = new HostedView(wanted with
        {
            Volumes = exported, Sequence = view.Sequence, Replica = view.ReplicaId,
        }, directory);
        try
        {
            foreach (var volume in exported)
                hosted._servers.Add(NbdServer.Listen(new UnixDomainSocketEndPoint(volume.Socket),
                    new NbdExports(new ViewExport(view, volume.Index, volume.Export, volume.SizeBytes)),
                    NbdServerOptions.Default));
            return hosted;
        }
        catch
        {
            await hosted.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the servers; the sockets' directory stays for <see cref="RemoveDirectory"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers) await server.DisposeAsync();
        _servers.Clear();
    }

    public static void RemoveDirectory(SitePaths paths, string group, string view)
    {
        var directory = DirectoryOf(paths, group, view);
        if (System.IO.Directory.Exists(directory)) System.IO.Directory.Delete(directory, recursive: true);
    }

    // Short, because the path of a unix socket is; the hash keeps views of the same name in two groups apart.
    private static string DirectoryOf(SitePaths paths, string group, string view)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{group}/{view}")))[..6];
        var name = view.Length <= 24 ? view : view[..24];
        return Path.Combine(paths.Views, $"{name}-{hash}");
    }

    internal sealed record Volume(ushort Index, string Name, long SizeBytes);
}
