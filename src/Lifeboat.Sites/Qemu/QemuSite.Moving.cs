// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.Qemu.Instances;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.Qemu;

// Every round asks QEMU where each disk is and does the next thing, so a controller that was killed goes on by looking:
//
//   OVERLAY --mirror job over to a new file--> OVERLAY (copying) --all disks ready, files flushed, PIVOTING written-->
//   PIVOTING --job-complete--> device uses the native file --overlay and view let go, NATIVE written--> NATIVE
//      |
//      +-- the job failed before the device moved: back to OVERLAY, and again from the start, a few times
//
// From PIVOTING on the native file counts, also when QEMU dies right then: the mirror is write-blocking, so it has had
// every write that the overlay had.
internal sealed partial class QemuSite : IMovesToNative
{
    private const int MoveAttempts = 5;
    private static readonly TimeSpan LookAtMove = TimeSpan.FromMilliseconds(250);

    public Task MoveToNativeAsync(string instance, IProgress<double> progress, CancellationToken ct) =>
        AloneAsync(instance + "/move", async () =>
        {
            var failures = 0;
            while (true)
            {
                var record = Known(instance);
                if (record.Disks.All(d => d.Place is DiskPlace.File or DiskPlace.Native)) break;
                if (record.Disks.FirstOrDefault(d => d.Place is DiskPlace.View) is { } view)
                    throw new SiteException(SiteFault.Refused,
                        $"{instance}: disk '{view.Name}' writes into a view that was opened to be thrown away; "
                        + "only an instance started with its writes kept can move to native");
                if (ProcessOf(record) is null)
                    throw new SiteException(SiteFault.Refused,
                        $"{instance} does not run; start it, then move it to native");
                var move = new NativeMove(record, _options, disk => KeepAsync(record, disk, ct));
                var round = await TalkAsync(record, qmp => move.AdvanceAsync(qmp, ct), ct);
                progress.Report(round.Fraction);
                if (round.Failure is { } failure)
                {
                    LogMoveFailed(instance, failure);
                    var full = failure.Contains("No space", StringComparison.OrdinalIgnoreCase);
                    if (full || ++failures >= MoveAttempts)
                    {
                        await AbandonAsync(record, move, ct);
                        throw new SiteException(full ? SiteFault.NoSpace : SiteFault.Refused,
                            $"{instance}: the move to native failed: {failure}; it still runs from its view, "
                            + "and the move can be asked for again");
                    }
                }
                await Task.Delay(LookAtMove, _time, ct);
            }
            progress.Report(1);
            return true;
        }, ct);

    private async Task AbandonAsync(InstanceRecord record, NativeMove move, CancellationToken ct)
    {
        while (!await TalkAsync(record, qmp => move.AbandonAsync(qmp, ct), ct)) await Task.Delay(LookAtMove, _time, ct);
    }

    // Only the place of this disk changes, and only in the record the move began with: an instance that was started
    // anew meanwhile is none of this move's business.
    private Task KeepAsync(InstanceRecord of, DiskRecord disk, CancellationToken ct) => AloneAsync(of.Name, () =>
    {
        var now = Known(of.Name);
        if (now.Generation != of.Generation)
            throw new SiteException(SiteFault.Refused, $"{of.Name} was started anew while it moved to native");
        _store.Write(now.With(disk));
        if (disk.Place is DiskPlace.Native) LogDiskMoved(of.Name, disk.Name);
        return Task.FromResult(true);
    }, ct);

    [LoggerMessage(EventIds.DiskMoved, LogLevel.Information, "Disk {Disk} of {Instance} is native")]
    private partial void LogDiskMoved(string instance, string disk);

    [LoggerMessage(EventIds.MoveFailedOnce, LogLevel.Warning,
        "Moving {Instance} to native failed ({Reason}); it runs on from its view, the move begins again")]
    private partial void LogMoveFailed(string instance, string reason);
}
