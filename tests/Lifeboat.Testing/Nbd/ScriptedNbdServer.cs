// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;

namespace Lifeboat.Testing.Nbd;

/// <summary>One turn of a scripted server: wait until the client has sent so many bytes, then say this.</summary>
public readonly record struct NbdTurn(int ClientBytes, byte[] Answer);

/// <summary>
/// A server that gives the answers of a script to one client after the other, whatever the client says, and then
/// closes. A client that does not send what the script waits for gets the next answer when patience is over all the
/// same: mutated scripts need not make sense.
/// </summary>
public sealed class ScriptedNbdServer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lifeboat-nbd-");
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task _running;

    public ScriptedNbdServer(params IReadOnlyList<NbdTurn> script)
    {
        Script = script;
        EndPoint = new UnixDomainSocketEndPoint(Path.Combine(_folder.FullName, "nbd.sock"));
        _listener.Bind(EndPoint);
        _listener.Listen();
        _running = RunAsync(_stop.Token);
    }

    public UnixDomainSocketEndPoint EndPoint { get; }

    public IReadOnlyList<NbdTurn> Script { get; set; }

    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(10);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _listener.Dispose();
        _stop.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task RunAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptAsync(ct);
                await PlayAsync(client, ct);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task PlayAsync(Socket client, CancellationToken ct)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            foreach (var (clientBytes, answer) in Script)
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
                patience.CancelAfter(Patience);
                await ReadAsync(client, buffer, clientBytes, patience.Token);
                await client.SendAsync(answer, ct);
            }
            client.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The client has seen enough.
        }
    }

    private static async Task ReadAsync(Socket client, byte[] buffer, int count, CancellationToken patience)
    {
        try
        {
            while (count > 0)
            {
                var got = await client.ReceiveAsync(buffer.AsMemory(0, Math.Min(count, buffer.Length)), patience);
                if (got == 0)
                    return;
                count -= got;
            }
        }
        catch (OperationCanceledException)
        {
            // It does not come; the script goes on.
        }
    }
}
