// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture.Moments;

/// <summary>
/// Reads one disk as it was at a moment, over QEMU's NBD export of the image. Connects at the first read: QEMU takes
/// few connections at once, and disks are read one after the other.
/// </summary>
/// <param name="opening">Called before it connects, so that another reader can make room.</param>
internal sealed class MomentReader(QmpDiskTap tap, GapMap changes, Func<MomentReader, Task> opening,
    TimeProvider time, CancellationToken letGo) : IGapReader, IAsyncDisposable
{
    private NbdClient? _image;

    private string Volume => tap.Volume.Name;

    public Task<IReadOnlyList<GapExtent>> GapAsync(GapMap map, long offset, long length, CancellationToken ct) =>
        ReadAsync(async (image, t) =>
        {
            var allocation = await image.BlockStatusAsync(NbdExtent.BaseAllocation, offset, length, t);
            var dirty = map.BitmapName is { } bitmap
                ? await image.BlockStatusAsync(NbdExtent.DirtyBitmapPrefix + bitmap, offset, length, t)
                : [new NbdExtent(length, NbdExtent.Dirty)];
            return GapExtents.Of(offset, dirty, allocation);
        }, ct);

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        await ReadAsync(async (image, t) =>
        {
            await image.ReadAsync(offset, buffer, t);
            return true;
        }, ct);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _image, null) is { } image) await image.DisposeAsync();
    }

    private async Task<NbdClient> OpenAsync(CancellationToken ct)
    {
        if (_image is { } open) return open;
        await opening(this);
        List<string> contexts = [NbdExtent.BaseAllocation];
        if (changes.BitmapName is { } map) contexts.Add(NbdExtent.DirtyBitmapPrefix + map);
        _image = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(tap.Monitor.Pull.SocketPath),
            new NbdClientOptions { Export = tap.Export, MetaContexts = contexts, Time = time }, ct);
        if (contexts.Except(_image.MetaContexts).FirstOrDefault() is { } missing)
            throw new TapException(TapFault.Refused, $"{Volume}: QEMU does not offer {missing}");
        return _image;
    }

    private async Task<T> ReadAsync<T>(Func<NbdClient, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        // Cancelled by the caller (ct) or because the moment is let go of; only the latter is a failure.
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, letGo);
        try
        {
            return await read(await OpenAsync(any.Token), any.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new TapException(TapFault.Refused, $"{Volume}: the moment was let go of", e);
        }
        catch (NbdException e)
        {
            throw Broken(Volume, e);
        }
    }

    private static TapException Broken(string volume, NbdException e) => new(
        e.Fault is NbdFault.RequestFailed or NbdFault.Rejected or NbdFault.InvalidRequest
            ? TapFault.Refused
            : TapFault.InstanceGone,
        $"{volume}: its image of the moment is gone (no room for what was overwritten since, or the disk it goes to "
            + $"is too slow): {e.Message}", e);
}
