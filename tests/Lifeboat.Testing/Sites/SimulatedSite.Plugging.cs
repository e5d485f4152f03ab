// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

public sealed partial class SimulatedSite : ISeesPluggedDisks
{
    /// <summary>Where its disks are files; null: nowhere, they only have names.</summary>
    public string? DiskFolder { get; set; }

    /// <summary>Its user plugs a disk into a running instance, without a word to the site.</summary>
    /// <param name="problem">Why it is of no kind that can be protected.</param>
    public void Plug(string instance, string disk, long sizeBytes, string? problem = null)
    {
        var entry = Find(instance);
        var order = entry.Request.Description.Disks.Count + entry.TakenIn.Count + entry.Plugged.Count;
        entry.Plugged.Add(new PluggedDisk(new InstanceDisk(disk, "scsi", order, sizeBytes, null), problem));
    }

    public Task<IReadOnlyList<PluggedDisk>> PluggedAsync(string instance, CancellationToken ct) =>
        CallAsync<IReadOnlyList<PluggedDisk>>(nameof(PluggedAsync), instance, () => [.. Find(instance).Plugged], ct);

    public Task<SiteInstance> TakeInAsync(string instance, string disk, CancellationToken ct) =>
        CallAsync(nameof(TakeInAsync), $"{instance} {disk}", () =>
        {
            var entry = Find(instance);
            if (Described(entry).Disks.Any(d => d.Name == disk)) return Describe(instance, entry);
            if (entry.Plugged.Find(d => d.Disk.Name == disk) is not { Problem: null } plugged)
                throw new SiteException(SiteFault.Refused, $"{Name}: {instance} has no disk '{disk}' to take in");
            entry.Plugged.Remove(plugged);
            entry.TakenIn.Add(plugged.Disk);
            return Describe(instance, entry);
        }, ct);

    private static InstanceDescription Described(Entry entry) => entry.Request.Description with
    {
        Disks = [.. entry.Request.Description.Disks, .. entry.TakenIn],
    };
}
