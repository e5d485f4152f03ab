// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

internal sealed partial class QmpDiskTap
{
    private static readonly TimeSpan LossLimit = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan QuitLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan ExitLimit = TimeSpan.FromMinutes(1);

    public async Task<bool> StillMirroringAsync(CancellationToken ct)
    {
        if (_attached is not { } attached || !attached.Connection.IsOpen) return false;
        return await monitor.LookAsync(TimeSpan.Zero, look => IsIntact(look, attached), ct);
    }

    public async Task<bool> InstanceAnswersAsync(CancellationToken ct)
    {
        try
        {
            return await monitor.TalkAsync(static _ => Task.FromResult(true), ct);
        }
        catch (TapException e)
        {
            // A monitor that is busy or slow has an instance behind it.
            return e.InnerException is not QmpException { Fault: QmpFault.Unreachable or QmpFault.Closed };
        }
    }

    // A write that failed at the target is acknowledged to the guest, and its job may still be listed for 0.1 s. Such a
    // write is noted in the job's own, unnamed bitmap, which nothing else ever sets in a write-blocking mirror with
    // sync=none. So: nothing noted, then the job still there, then our connection still open.
    private bool IsIntact(BlockLook look, Attachment attached) =>
        !look.MapsOf(attached.Node).Any(m => m.Name.Length == 0 && m.DirtyBytes > 0)
        && IsOnTop(look, attached) && look.HasJob(_names.Job(attached.Number)) && attached.Connection.IsOpen;

    private async Task<bool> IsIntactAsync(QmpClient qmp, Attachment attached, CancellationToken ct) =>
        IsIntact(await BlockLook.TakeAsync(qmp, ct), attached);

    // A disk that was taken out and put in again by its node's name is below the filter: its writes pass us by. One
    // that is out writes nothing.
    private bool IsOnTop(BlockLook look, Attachment attached) =>
        look.TopOf(volume.Device) is not { } top || top == _names.Filter(attached.Number);

    // Most ends show at once as the end of the connection. A job that somebody else cancelled does not: its target node
    // keeps the connection open while no write comes any more, so the job is looked for as well.
    private async Task WatchAsync(Attachment attachment)
    {
        while (!attachment.Connection.Ended.IsCompleted)
        {
            using var tick = new CancellationTokenSource(WatchEvery, time);
            var ended = await Task.WhenAny(
                attachment.Connection.Ended, Task.Delay(Timeout.InfiniteTimeSpan, tick.Token));
            if (ended == attachment.Connection.Ended) break;
            if (attachment.Ended.IsCompleted) continue; // dismissed: whoever did lets go of it
            switch (await WatchOnceAsync(attachment))
            {
                case TapEnd.Unplugged:
                    if (attachment.EndAs(TapEnd.Unplugged)) LogEnded(volume.Name, TapEnd.Unplugged, "taken out");
                    return;
                case TapEnd.MirrorFailed when !attachment.Ended.IsCompleted:
                    attachment.Connection.LetGo("its mirror has ended");
                    break;
            }
        }
        var why = await attachment.Connection.Ended;
        var end = await HasExitedAsync(attachment, why) ? TapEnd.InstanceGone : TapEnd.MirrorFailed;
        if (attachment.EndAs(end)) LogEnded(volume.Name, end, why.Detail);
    }

    // Both a mirror that fails and a QEMU that ends close the connection. A failed mirror does it without a goodbye and
    // in a QEMU that goes on running; one that quits says goodbye first, and then cleans up: for long where much is to
    // be written or the host is busy, and answers nobody meanwhile. So one that answers long after runs on, and one
    // that does not is waited for, since until it does nothing can be attached to it either.
    private async Task<bool> HasExitedAsync(Attachment attachment, CaptureEnd why)
    {
        if (attachment.Ended.IsCompleted || attachment.Qemu is not { } qemu) return false;
        var started = time.GetTimestamp();
        while (qemu.IsAlive)
        {
            var waited = time.GetElapsedTime(started);
            if (waited > ExitLimit) return false;
            if (waited > (why.Goodbye ? QuitLimit : LossLimit) && await AnswersAsync()) return !qemu.IsAlive;
            await Task.Delay(PollEvery, time, CancellationToken.None);
        }
        return true;
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return await monitor.LookAsync(TimeSpan.Zero, _ => true, CancellationToken.None);
        }
        catch (TapException)
        {
            return false;
        }
    }

    /// <returns>How it has ended; null: it goes on, as far as anybody can say.</returns>
    private async Task<TapEnd?> WatchOnceAsync(Attachment attachment)
    {
        try
        {
            // Each disk looks for itself, and most of them see what another one has just seen.
            var (plugged, intact) = await monitor.LookAsync(WatchEvery / 2, look =>
                look.TopOf(volume.Device) is not null
                    ? (true, IsIntact(look, attachment)) : (false, false), CancellationToken.None);
            if (plugged) return intact ? null : TapEnd.MirrorFailed;
            return await monitor.TalkAsync(qmp => IsUnpluggedAsync(qmp, attachment, CancellationToken.None),
                CancellationToken.None) ? TapEnd.Unplugged : TapEnd.MirrorFailed;
        }
        catch (TapException)
        {
            // Nobody to ask: the monitor is busy, or QEMU or the node is gone and the connection will say so.
            return null;
        }
    }
}
