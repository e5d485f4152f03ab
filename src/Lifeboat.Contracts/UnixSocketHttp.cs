// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;

namespace Lifeboat.Contracts;

/// <summary>HTTP over a unix socket.</summary>
public static class UnixSocketHttp
{
    public static SocketsHttpHandler Handler(string path) => new()
    {
        ConnectCallback = async (_, ct) => await ConnectAsync(path, ct),
        UseProxy = false,
        // A connection of its own per request: one kept from before the other end was restarted fails only once used.
        PooledConnectionLifetime = TimeSpan.Zero,
    };

    private static async Task<Stream> ConnectAsync(string path, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
