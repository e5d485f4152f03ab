// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;

namespace Lifeboat.Agent.Linking;

// The socket under TLS. TLS reads and writes records of 16 KiB; here what has come is received in one piece, and what
// a message is made of leaves in one, so that neither end is woken for each record. One reader and one writer.
internal sealed class LinkStream(Socket socket) : NetworkStream(socket, ownsSocket: false)
{
    private const int AheadBytes = 256 << 10;
    private const int GatheredBytes = 512 << 10;

    private readonly byte[] _ahead = GC.AllocateUninitializedArray<byte>(AheadBytes);
    private byte[] _gathered = [];
    private int _start, _end; // of what was received and not read yet
    private int _waiting;     // bytes that were written and wait for the flush
    private bool _gathers;

    /// <summary>Bytes that have come and were not read yet.</summary>
    public int AtHand => _end - _start + Socket.Available;

    /// <summary>What is written from here on may wait until the next flush.</summary>
    public void Gather() => _gathers = true;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken ct)
    {
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
            _end = await base.ReadAsync(_ahead, ct);
        }
        var count = Math.Min(buffer.Length, _end - _start);
        _ahead.AsMemory(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken ct)
    {
        if (!_gathers)
        {
            await base.WriteAsync(buffer, ct);
            return;
        }
        if (_waiting + buffer.Length > GatheredBytes) await SendGatheredAsync(ct);
        var needed = _waiting + buffer.Length;
        if (_gathered.Length < needed)
            Array.Resize(ref _gathered, Math.Max(needed, Math.Min(GatheredBytes, 2 * _gathered.Length)));
        buffer.CopyTo(_gathered.AsMemory(_waiting));
        _waiting += buffer.Length;
    }

    public override async Task FlushAsync(CancellationToken ct)
    {
        _gathers = false;
        await SendGatheredAsync(ct);
    }

    private async ValueTask SendGatheredAsync(CancellationToken ct)
    {
        var count = _waiting;
        _waiting = 0;
        if (count > 0) await base.WriteAsync(_gathered.AsMemory(0, count), ct);
    }
}
