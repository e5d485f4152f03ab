// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text;

namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Stands outside both sites and remembers which records guests called durable, and when it heard so. Each guest has a
/// unix socket of its own, to which QEMU connects; copies of one guest may be connected at once.
/// </summary>
public sealed class Witness(TimeProvider time, WitnessLogWriter? log = null) : IAsyncDisposable
{
    // Longer than any report; a peer that sends more without a line end is not a guest of ours.
    private const int LineBytesMax = 4096;

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _accepting = [];

    public WitnessHistory History { get; } = new();

    /// <summary>Listens for one guest. A socket file left over from before is replaced.</summary>
    public void Listen(string guest, string socketPath)
    {
        File.Delete(socketPath);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(socketPath));
        listener.Listen();
        _listeners.Add(listener);
        _accepting.Add(AcceptAsync(guest, listener, _stop.Token));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var listener in _listeners) listener.Dispose();
        await Task.WhenAll(_accepting);
        _stop.Dispose();
    }

    private async Task AcceptAsync(string guest, Socket listener, CancellationToken ct)
    {
        var open = new List<Task>();
        while (!ct.IsCancellationRequested)
        {
            try
            {
                open.Add(HearAsync(guest, await listener.AcceptAsync(ct), ct));
                open.RemoveAll(task => task.IsCompletedSuccessfully);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }
        await Task.WhenAll(open);
    }

    private async Task HearAsync(string guest, Socket socket, CancellationToken ct)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        var buffer = new byte[64 << 10];
        var held = 0;
        try
        {
            while (await stream.ReadAsync(buffer.AsMemory(held), ct) is > 0 and var got)
            {
                held = Take(guest, time.GetUtcNow(), buffer, held + got);
                if (held > LineBytesMax) return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The guest's host died, or we stop: what was heard is kept.
        }
    }

    // All lines of one read share its time; the rest of a line stays for the next.
    private int Take(string guest, DateTimeOffset at, byte[] buffer, int length)
    {
        var rest = buffer.AsSpan(0, length);
        while (rest.IndexOf((byte)'\n') is >= 0 and var end)
        {
            var line = Encoding.ASCII.GetString(rest[..end]);
            if (WitnessReport.Parse(line) is { } report)
            {
                log?.Append(at, guest, line);
                History.Add(guest, at, report);
            }
            rest = rest[(end + 1)..];
        }
        log?.Flush();
        var left = rest.Length;
        rest.CopyTo(buffer);
        return left;
    }
}
