// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Testing;

/// <summary>Ports for servers that are told their port before they listen, and begin again with the same.</summary>
public static class FreePort
{
    // Below what the kernel gives to connections that go out (32768 on): none of those takes one meanwhile.
    private const int Least = 15_000, Most = 32_000;
    private static readonly HashSet<int> Given = [];

    /// <summary>One that nobody listens at on this machine now, and that this process has not given before.</summary>
    public static int Next()
    {
        while (true)
        {
            var port = Random.Shared.Next(Least, Most);
            lock (Given)
                if (!Given.Add(port)) continue;
            try
            {
                using var probe = new TcpListener(IPAddress.Any, port);
                probe.Start();
                return port;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse)
            {
                // Somebody's.
            }
        }
    }
}
