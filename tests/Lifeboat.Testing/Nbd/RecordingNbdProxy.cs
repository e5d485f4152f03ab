// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Testing.Nbd;

/// <summary>
/// Stands between one client and a real server and writes down who said what. For clients that wait for each answer
/// before they say more.
/// </summary>
public sealed class RecordingNbdProxy : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lifeboat-nbd-");
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<byte> _fromClient = [];
    private readonly List<NbdTurn> _turns = [];
    private readonly Lock _gate = new();
    private readonly Task _running;
    private int _unheard;

    public RecordingNbdProxy(EndPoint server)
    {
        EndPoint = new UnixDomainSocketEndPoint(Path.Combine(_folder.FullName, "nbd.sock"));
        _listener.Bind(EndPoint);
        _listener.Listen();
        _running = RunAsync(server);
    }

    public UnixDomainSocketEndPoint EndPoint { get; }

    /// <summary>All that the client said.</summary>
    public byte[] FromClient
    {
        get
        {
            lock (_gate)
                return [.. _fromClient];
        }
    }

    /// <summary>What the server said, with how much the client had said in between.</summary>
    public IReadOnlyList<NbdTurn> Turns
    {
        get
        {
            lock (_gate)
                return [.. _turns];
        }
    }

    /// <summary>Completes when the client and the server have hung up.</summary>
    public Task Ended => _running;

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await Task.WhenAny(_running);
        _folder.Delete(recursive: true);
    }

    private async Task RunAsync(EndPoint server)
    {
        using var client = await _listener.AcceptAsync();
        using var upstream = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await upstream.ConnectAsync(server);
        await Task.WhenAll(PumpAsync(client, upstream, HeardClient), PumpAsync(upstream, client, HeardServer));
    }

    private static async Task PumpAsync(Socket from, Socket to, Action<byte[]> heard)
    {
        var buffer = new byte[256 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is var got && got > 0)
            {
                heard(buffer[..got]);
                await to.SendAsync(buffer.AsMemory(0, got));
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // One side has hung up; so does the other.
        }
    }

    private void HeardClient(byte[] bytes)
    {
        lock (_gate)
        {
            _fromClient.AddRange(bytes);
            _unheard += bytes.Length;
        }
    }

    private void HeardServer(byte[] bytes)
    {
        lock (_gate)
        {
            _turns.Add(new NbdTurn(_unheard, bytes));
            _unheard = 0;
        }
    }
}
