// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

internal sealed partial class QmpDiskTap
{
    public async Task<IReadOnlyList<GapExtent>> GapAsync(
        GapMap map, long offset, long length, CancellationToken ct)
    {
        try
        {
            var pull = Pull();
            var allocation = await pull.BlockStatusAsync(NbdExtent.BaseAllocation, offset, length, ct);
            var dirty = map.BitmapName is { } bitmap
                ? await pull.BlockStatusAsync(NbdExtent.DirtyBitmapPrefix + bitmap, offset, length, ct)
                : [new NbdExtent(length, NbdExtent.Dirty)];
            return GapExtents.Of(offset, dirty, allocation);
        }
        catch (NbdException e)
        {
            throw Translate(e);
        }
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        try
        {
            await Pull().ReadAsync(offset, buffer, ct);
        }
        catch (NbdException e)
        {
            throw Translate(e);
        }
    }

    private NbdClient Pull() => _pull
        ?? throw new TapException(TapFault.Refused, $"{volume.Name} has no open gap to read");

    private async Task OpenPullAsync(Attachment attachment, CancellationToken ct)
    {
        List<string> contexts = [NbdExtent.BaseAllocation];
        if (attachment.Gap.BitmapName is { } map) contexts.Add(NbdExtent.DirtyBitmapPrefix + map);
        try
        {
            _pull = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(monitor.Pull.SocketPath),
                new NbdClientOptions { Export = _names.Export, MetaContexts = contexts, Time = time }, ct);
        }
        catch (NbdException e)
        {
            throw Translate(e);
        }
        if (contexts.Except(_pull.MetaContexts).FirstOrDefault() is { } missing)
            throw new TapException(TapFault.Refused, $"{volume.Name}: QEMU does not offer {missing}");
    }

    private async Task ClosePullAsync()
    {
        if (Interlocked.Exchange(ref _pull, null) is { } pull) await pull.DisposeAsync();
    }

    private TapException Translate(NbdException e) => new(
        e.Fault is NbdFault.RequestFailed or NbdFault.Rejected or NbdFault.InvalidRequest
            ? TapFault.Refused
            : TapFault.InstanceGone,
        $"{volume.Name}: reading the disk failed: {e.Message}", e);
}
