// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net.Sockets;
using Lifeboat.Nbd;

namespace Lifeboat.Testing.Nbd;

/// <summary>A server on a unix socket in a folder of its own, and what it reported.</summary>
public sealed class NbdFixture : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lifeboat-nbd-");

    public NbdFixture(INbdExport export, NbdServerOptions? options = null)
        : this(new NbdExports(export), options)
    {
    }

    public NbdFixture(NbdExports exports, NbdServerOptions? options = null)
    {
        Exports = exports;
        EndPoint = new UnixDomainSocketEndPoint(File("nbd.sock"));
        options = (options ?? NbdServerOptions.Default) with { OnClosed = Closed.Add };
        Server = NbdServer.Listen(EndPoint, exports, options);
    }

    public NbdExports Exports { get; }

    public NbdServer Server { get; }

    public UnixDomainSocketEndPoint EndPoint { get; }

    public BlockingCollection<NbdConnectionClosed> Closed { get; } = [];

    public string Uri(string export) => $"nbd+unix:///{export}?socket={EndPoint}";

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public Task<NbdClient> ConnectAsync(CancellationToken ct, string export = "disk", params string[] contexts) =>
        NbdClient.ConnectAsync(EndPoint, new NbdClientOptions { Export = export, MetaContexts = contexts }, ct);

    /// <summary>The next report of a connection that ended; fails the test after ten seconds.</summary>
    public NbdConnectionClosed NextClosed() =>
        Closed.TryTake(out var closed, TimeSpan.FromSeconds(10))
            ? closed
            : throw new TimeoutException("no connection ended in ten seconds");

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
