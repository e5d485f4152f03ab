// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Nbd;
using Lifeboat.Testing;

namespace Lifeboat.Benchmarks.Life;

/// <summary>Writes to a loaded QEMU's disk as its guest would, a known number of bytes.</summary>
internal sealed class BlockWriter(NbdClient client, Prng prng) : IAsyncDisposable
{
    private const int InFlight = 16;

    public static async Task<BlockWriter> ConnectAsync(string socket) => new(
        await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(socket), new NbdClientOptions(), default),
        new Prng(11));

    /// <summary>Changes this many blocks, each once and all in different places.</summary>
    public async Task ChangeAsync(int blocks, int blockBytes, long diskBytes)
    {
        var places = new HashSet<long>();
        while (places.Count < blocks) places.Add(prng.Next(diskBytes / blockBytes));
        foreach (var some in places.Chunk(InFlight))
            await Task.WhenAll(some.Select(place => WriteAsync(place * blockBytes, blockBytes)));
    }

    /// <summary>Changes blocks one batch after the other until nobody takes them any more.</summary>
    /// <returns>Bytes of which the end was seen.</returns>
    public async Task<long> ChangeUntilGoneAsync(int blockBytes, long diskBytes)
    {
        for (var written = 0L; ; written += InFlight * blockBytes)
        {
            try
            {
                await ChangeAsync(InFlight, blockBytes, diskBytes);
            }
            catch (NbdException)
            {
                return written;
            }
        }
    }

    public Task WriteAsync(long offset, int bytes) => client.WriteAsync(offset, prng.Bytes(bytes), fua: false, default);

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
