// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Capture;

// A disk of a QEMU process: a write-blocking mirror to our gateway, dirty bitmaps as change maps, an NBD export of QEMU
// to read from. Invariants, in every moment and whoever dies:
//   From the first attach to the uninstall one bitmap of the replica records, or the marker says "all of the disk".
//   The old bitmap is frozen only after the mirror is ready: a write is in it, or on the stream, or in both.
//   A bitmap is dropped only when what it holds is durable at the recovery site and the mirror was alive meanwhile.
//   The sink hears that its connection is lost before the guest can go on without it.
//
//   DETACHED --attach: clean, target, mirror, READY, transaction(new map, freeze old), export--> ATTACHED (gap open)
//   ATTACHED --forget: withdraw export, drop gap map and marker--> ATTACHED --rotate--> ATTACHED
//   ATTACHED --let go | mirror ended | instance gone--> DETACHED (maps record) --uninstall--> nothing of ours is left
// A domain of libvirt has a filter of ours besides: QmpDiskTap.Shim.
internal sealed partial class QmpDiskTap(
    QemuMonitor monitor, CaptureGateway gateway, SourceVolume volume, TimeProvider time, ILogger<QmpDiskTap> logger)
    : IDiskTap
{
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan JobEndLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan WatchEvery = TimeSpan.FromSeconds(1);

    private readonly TapNames _names = new(volume.Device);
    private Attachment? _attached;
    private NbdClient? _pull;

    private long _size = volume.SizeBytes;

    /// <summary>As the disk was when it was last looked at; before that, as it was asked for.</summary>
    public long SizeBytes => Volatile.Read(ref _size);

    public Task<TapEnd> Ended => _attached?.Ended ?? Task.FromResult(TapEnd.Detached);

    public async Task<GapMap> AttachAsync(ICaptureSink sink, Guid replica, CancellationToken ct)
    {
        var before = _attached;
        Dismiss(before, TapEnd.LetGo);
        await ClosePullAsync();
        var connection = gateway.Open(volume.Name, SizeBytes, sink);
        try
        {
            var attachment = await monitor.RearrangeAsync(
                qmp => AttachOrCleanAsync(qmp, connection, replica, ct), waits: false, ct);
            _attached = attachment;
            await OpenPullAsync(attachment, ct);
            attachment.Watching = WatchAsync(attachment);
            LogAttached(volume.Name, attachment.Node, attachment.Gap.Kind, attachment.Gap.BitmapName ?? "none");
            return attachment.Gap;
        }
        catch
        {
            connection.LetGo("the attach failed");
            await ClosePullAsync();
            throw;
        }
        finally
        {
            before?.Connection.LetGo("attached anew");
        }
    }

    public async Task ForgetGapAsync(CancellationToken ct)
    {
        var attached = Attached();
        await ClosePullAsync();
        await monitor.TalkAsync(async qmp =>
        {
            await monitor.Pull.WithdrawAsync(qmp, _names.Export, ct);
            await RemoveMapsAsync(qmp, attached.Node, m => attached.IsGap(m.Name), ct);
        }, ct);
    }

    public async Task DetachAsync(CancellationToken ct)
    {
        if (_attached is not { } attached) return;
        Dismiss(attached, TapEnd.Detached);
        try
        {
            await ClosePullAsync();
            await monitor.RearrangeAsync(async qmp =>
            {
                await CleanAsync(qmp, ct);
                await TakeShimAsync(qmp, ct);
            }, waits: true, ct);
        }
        finally
        {
            attached.Connection.LetGo("detached");
        }
        _attached = null;
    }

    public void LetGo()
    {
        if (_attached is not { } attached) return;
        attached.EndAs(TapEnd.LetGo);
        attached.Connection.LetGo("let go");
    }

    public async Task UninstallAsync(CancellationToken ct)
    {
        Dismiss(_attached, TapEnd.Detached);
        try
        {
            await ClosePullAsync();
            await monitor.RearrangeAsync(async qmp =>
            {
                await CleanAsync(qmp, ct);
                await monitor.Pull.WithdrawAsync(qmp, _names.Seed, ct);
                await TakeShimAsync(qmp, ct);
                // Of a disk that is out the node may still be there.
                if (_restNode is { } resting && await BlockLook.NodeAsync(qmp, resting, ct) is not null)
                    await RemoveMapsAsync(qmp, resting, _ => true, ct);
                var blocks = await qmp.ExecuteAsync("query-block", null, ct);
                if (BlockNode.TopOf(blocks, volume.Device) is { } top)
                    await RemoveMapsAsync(qmp, top, _ => true, ct);
            }, waits: true, ct);
        }
        catch (TapException e) when (e.InnerException is QmpException { Fault: QmpFault.Unreachable })
        {
            // No QEMU, no traces.
        }
        finally
        {
            _attached?.Connection.LetGo("uninstalled");
        }
        _attached = null;
        LogUninstalled(volume.Name);
    }

    public async ValueTask DisposeAsync()
    {
        LetGo();
        await ClosePullAsync();
        if (_attached is { } attached) await attached.Watching;
    }

    // Before its job is ended: that drains the disk, so its writes have to be answered, and none may fail meanwhile.
    private static void Dismiss(Attachment? attached, TapEnd end)
    {
        attached?.EndAs(end);
        attached?.Connection.Dismiss();
    }

    private Attachment Attached() => _attached
        ?? throw new TapException(TapFault.Refused, $"{volume.Name} is not attached");

    [LoggerMessage(EventIds.TapAttached, LogLevel.Information,
        "Attached {Volume} at node {Node}; gap {Gap} in {Bitmap}")]
    private partial void LogAttached(string volume, string node, GapKind gap, string bitmap);

    [LoggerMessage(EventIds.TapNotPassed, LogLevel.Information,
        "The connection of {Volume} goes by a path, for none can be passed: {Why}")]
    private partial void LogNotPassed(string volume, string why);

    [LoggerMessage(EventIds.TapUninstalled, LogLevel.Information, "Removed every trace of capture from {Volume}")]
    private partial void LogUninstalled(string volume);

    [LoggerMessage(EventIds.TapEnded, LogLevel.Warning, "Capture of {Volume} ended: {End} ({Detail})")]
    private partial void LogEnded(string volume, TapEnd end, string detail);
}
