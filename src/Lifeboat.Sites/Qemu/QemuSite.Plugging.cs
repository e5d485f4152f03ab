// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;
using Lifeboat.Sites.Qemu.Adopting;
using Lifeboat.Sites.Qemu.Host;
using Lifeboat.Sites.Qemu.Instances;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.Qemu;

// What an instance was started or adopted with is in its record. A disk that its user plugged in since is QEMU's to
// tell, until somebody wants it to be of the instance: then it is in the record like the others, and an instance of our
// own that is started again has it.
internal sealed partial class QemuSite : ISeesPluggedDisks
{
    public async Task<IReadOnlyList<PluggedDisk>> PluggedAsync(string instance, CancellationToken ct) =>
        [.. (await PluggedAsync(Known(instance), ct)).Select(d => new PluggedDisk(d.Description, d.Problem))];

    public Task<SiteInstance> TakeInAsync(string instance, string disk, CancellationToken ct) =>
        AloneAsync(instance, async () =>
        {
            var record = Known(instance);
            if (record.Disks.Any(d => d.Name == disk)) return await DescribeAsync(record, ct);
            var plugged = await PluggedAsync(record, ct);
            var found = plugged.FirstOrDefault(d => d.Description.Name == disk)
                ?? throw new SiteException(SiteFault.Refused, $"{instance} has no disk '{disk}'; plugged in since it "
                    + $"is known here: {(plugged.Count == 0 ? "none"
                        : string.Join(", ", plugged.Select(d => d.Description.Name)))}");
            if (found.Problem is { } problem)
                throw new SiteException(SiteFault.Refused, $"{instance}.{disk} {problem}");
            var taken = _store.Write(record with
            {
                Description = record.Description with { Disks = [.. record.Description.Disks, found.Description] },
                Disks = [.. record.Disks, found.Record],
            });
            LogTakenIn(instance, disk, found.Record.Device);
            return await DescribeAsync(taken, ct);
        }, ct);

    private async Task<IReadOnlyList<ReadDisk>> PluggedAsync(InstanceRecord record, CancellationToken ct)
    {
        if (ProcessOf(record) is not { } process) return [];
        return await TalkAsync(record, qmp => new DiskReader(new ObjectTree(qmp), record.Name,
            path => process.Absolute(path)).ReadPluggedAsync(record.Disks, NextOrder(record), ct), ct);
    }

    private static int NextOrder(InstanceRecord record) =>
        record.Description.Disks.Select(d => d.Order + 1).DefaultIfEmpty(0).Max();

    [LoggerMessage(EventIds.DiskTakenIn, LogLevel.Information, "Disk {Disk} ({Device}) is of {Instance} from now on")]
    private partial void LogTakenIn(string instance, string disk, string device);
}
