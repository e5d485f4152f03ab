// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

internal sealed partial class QmpDiskTap
{
    // Most ends show at once as the end of the connection. A job that somebody else cancelled does not: its target node
    // keeps the connection open while no write comes any more, so the job is looked for as well.
    private async Task WatchAsync(Attachment attachment)
    {
        var detail = "its job is gone";
        while (!attachment.Connection.Ended.IsCompleted)
        {
            using var tick = new CancellationTokenSource(WatchEvery, time);
            var ended = await Task.WhenAny(
                attachment.Connection.Ended, Task.Delay(Timeout.InfiniteTimeSpan, tick.Token));
            if (ended == attachment.Connection.Ended) break;
            if (!await IsMirroringAsync(attachment)) break;
        }
        if (attachment.Connection.Ended.IsCompleted) detail = await attachment.Connection.Ended;
        attachment.Connection.LetGo(detail);
        var end = attachment.Qemu is { } qemu && !qemu.IsAlive ? TapEnd.InstanceGone : TapEnd.MirrorFailed;
        if (attachment.EndAs(end)) LogEnded(volume.Name, end, detail);
    }

    private async Task<bool> IsMirroringAsync(Attachment attachment)
    {
        try
        {
            return await monitor.TalkAsync(
                async qmp => (await OurJobsAsync(qmp, CancellationToken.None)).Contains(_names.Job(attachment.Number)),
                CancellationToken.None);
        }
        catch (TapException)
        {
            // Nobody to ask: the monitor is busy, or QEMU is gone and the connection will say so.
            return true;
        }
    }
}
