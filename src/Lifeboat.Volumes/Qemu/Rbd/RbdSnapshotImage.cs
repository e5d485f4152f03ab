// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments.Snapshots;

namespace Lifeboat.Volumes.Qemu.Rbd;

/// <summary>An RBD snapshot behind a read-only storage daemon of its own.</summary>
internal sealed class RbdSnapshotImage(string name, StorageDaemon daemon, NbdClient client) : ISnapshotImage
{
    private bool _disposed;

    public long SizeBytes => client.Info.Size;

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        try
        {
            await client.ReadAsync(offset, buffer, ct);
        }
        catch (NbdException e)
        {
            throw new TapException(TapFault.Refused, $"{name} cannot be read: {e.Message}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        await client.DisposeAsync();
        await daemon.DisposeAsync();
    }
}
