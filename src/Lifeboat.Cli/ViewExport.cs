// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;

namespace Lifeboat.Cli;

/// <summary>Copies a volume of a view into a sparse raw file.</summary>
internal static class ViewExport
{
    private const int Piece = 4 << 20;

    public static async Task CopyAsync(ViewVolume volume, string file, CancellationToken ct)
    {
        await using var client = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(volume.Socket),
            new NbdClientOptions { Export = volume.Export }, ct);
        await using var target = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, 1);
        target.SetLength(volume.SizeBytes);
        var buffer = new byte[Piece];
        for (long at = 0; at < volume.SizeBytes; at += Piece)
        {
            var part = buffer.AsMemory(0, (int)Math.Min(Piece, volume.SizeBytes - at));
            await client.ReadAsync(at, part, ct);
            if (!part.Span.ContainsAnyExcept((byte)0)) continue;   // stays a hole
            target.Position = at;
            await target.WriteAsync(part, ct);
        }
        await target.FlushAsync(ct);
    }
}
