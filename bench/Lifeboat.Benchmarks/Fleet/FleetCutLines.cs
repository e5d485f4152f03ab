// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>
/// The agents' end of <see cref="CutLine"/>s, where nothing is captured: whatever is to be held or cut is so at once.
/// </summary>
internal sealed class FleetCutLines : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public FleetCutLines(string path)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        new Thread(Accept) { IsBackground = true, Name = "cut-listener" }.Start();
    }

    public void Dispose() => _listener.Dispose();

    private void Accept()
    {
        try
        {
            while (true)
            {
                var line = _listener.Accept();
                new Thread(() => Serve(line)) { IsBackground = true, Name = "cut-line" }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The agents are stopped.
        }
    }

    private static void Serve(Socket line)
    {
        using (line)
        {
            try
            {
                line.Send([0]); // ready
                Span<byte> ask = stackalloc byte[CutLine.AskBytes], done = stackalloc byte[sizeof(int)];
                done.Clear();
                while (Receive(line, ask)) line.Send(done);
            }
            catch (SocketException)
            {
                // The controller was killed.
            }
        }
    }

    private static bool Receive(Socket line, Span<byte> all)
    {
        while (all.Length > 0)
        {
            var received = line.Receive(all);
            if (received == 0) return false;
            all = all[received..];
        }
        return true;
    }
}
