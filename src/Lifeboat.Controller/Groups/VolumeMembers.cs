// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Backups;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;

namespace Lifeboat.Controller.Groups;

/// <summary>The one member of a volume-only group: which volumes of the cloud it is, and what is wrong with them. Pure.
/// </summary>
internal static class VolumeMembers
{
    private const string OfType = "type:";

    public static bool IsAsked(CreateGroupRequest request) =>
        (request.Members ?? []).Any(m => m.Kind is MemberKind.VolumeOnly);

    /// <summary>The request with all volumes of a type in place of `type:TYPE`; a type that has none stays.</summary>
    public static CreateGroupRequest Expanded(CreateGroupRequest request, IReadOnlyList<SiteVolume> all) =>
        request with { Members = [.. request.Members.Select(m => m with { Volumes = [.. Expanded(m.Volumes, all)] })] };

    private static IEnumerable<string> Expanded(IReadOnlyList<string>? wanted, IReadOnlyList<SiteVolume> all)
    {
        foreach (var text in wanted ?? [])
        {
            var of = !text.StartsWith(OfType, StringComparison.Ordinal) ? []
                : all.Where(v => v.Type == text[OfType.Length..]).Select(v => v.Id).ToList();
            if (of.Count == 0) yield return text;
            foreach (var id in of) yield return id;
        }
    }

    /// <summary>As the member is called: the group's own name, without its tenant's.</summary>
    public static string NameOf(string group) => group[(group.IndexOf('_', StringComparison.Ordinal) + 1)..];

    /// <param name="all">The volumes of the site.</param>
    /// <param name="groups">Every group that this site knows.</param>
    /// <param name="unmirrored">Why some cannot be mirrored, by id; null: they are not to be.</param>
    public static IEnumerable<GroupFault> Faults(CreateGroupRequest request, IReadOnlyList<SiteVolume> all,
        IEnumerable<GroupDefinition> groups, IReadOnlyDictionary<string, string>? unmirrored = null)
    {
        if (request.Members is not [var member])
        {
            yield return Wrong("members", "a volume-only group has one member, which is its volumes; servers are "
                + "protected in a group of their own");
            yield break;
        }
        if (member.ExcludedDisks is { Count: > 0 } || member.TargetDisks is { Count: > 0 } || member.BootOrder != 0)
            yield return Wrong("members/0", "a volume-only member has volumes and nothing else");
        if (request.Checks is { Count: > 0 }) yield return Wrong("checks", "nothing runs that checks could ask");
        if (request.Dns is not null) yield return Wrong("dns", "names lead to instances, and this group has none");
        if (request.Application is not null)
            yield return Wrong("application", "groups of volumes share no cuts with other groups");
        if (member.Volumes is not { Count: > 0 } volumes)
        {
            yield return Wrong("members/0/volumes", "volumes is empty; name at least one, or give its id");
            yield break;
        }
        var known = groups.Where(g => g.MovedByCloud).ToList();
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, text) in volumes.Index())
        {
            var place = $"members/0/volumes/{index}";
            var found = Find(all, text);
            if (found.Count == 0)
                yield return new(ReasonCode.VolumeUnknown, place, $"there is no volume '{text}' in the project");
            else if (found.Count > 1)
                yield return Wrong(place, $"{found.Count} volumes are called '{text}'; name it by its id: "
                    + string.Join(", ", found.Select(v => v.Id)));
            else
            {
                foreach (var problem in Problems(found[0], taken, known))
                    yield return new(problem.Reason, place, $"volume '{text}' {problem.Text}");
                if (unmirrored?.GetValueOrDefault(found[0].Id) is { } why)
                    yield return Wrong(place, $"volume '{text}' {why}");
            }
        }
    }

    /// <summary>The member as a definition has it; its volumes are numbered as they were named.</summary>
    public static GroupMember Define(string group, IReadOnlyList<string> wanted, IReadOnlyList<SiteVolume> all)
    {
        var name = NameOf(group);
        var disks = new List<CloudDisk>();
        foreach (var volume in wanted.Select(w => Find(all, w)[0]))
        {
            disks.Add(new CloudDisk(DiskName(volume, [.. disks.Select(d => d.Disk)]), volume.Id, volume.Name,
                volume.SizeGiB, volume.Type, null)
            {
                AvailabilityZone = volume.AvailabilityZone,
                Bootable = volume.Bootable,
            });
        }
        return new GroupMember(name, MemberKind.VolumeOnly, 0, new InstanceDescription
        {
            Name = name,
            Cpus = 0,
            MemoryMiB = 0,
            Disks = [.. disks.Select((d, i) => new InstanceDisk(d.Disk, "virtio", i, Bytes(d), d.VolumeId))],
            CloudVolumes = disks,
        }, [.. disks.Select((d, i) => new GroupVolume((ushort)i, $"{name}.{d.Disk}", name, d.Disk, Bytes(d)))]);
    }

    /// <summary>A name that files and other clouds can have, from what people called the volume.</summary>
    internal static string DiskName(SiteVolume volume, IReadOnlyCollection<string> taken)
    {
        var text = new StringBuilder();
        foreach (var letter in (volume.Name ?? "").ToLowerInvariant())
            text.Append(char.IsAsciiLetterOrDigit(letter) ? letter : '-');
        var name = text.ToString().Trim('-');
        if (name.Length > 28) name = name[..28].TrimEnd('-');
        return name.Length > 0 && !taken.Contains(name) ? name
            : $"{(name.Length == 0 ? "volume" : name)}-{volume.Id.Replace("-", "", StringComparison.Ordinal)[..8]}";
    }

    private static IReadOnlyList<SiteVolume> Find(IReadOnlyList<SiteVolume> all, string text) =>
        all.FirstOrDefault(v => v.Id == text) is { } byId ? [byId] : [.. all.Where(v => v.Name == text)];

    private static IEnumerable<(ReasonCode Reason, string Text)> Problems(SiteVolume volume, HashSet<string> taken,
        IReadOnlyList<GroupDefinition> groups)
    {
        if (!taken.Add(volume.Id)) yield return (ReasonCode.InvalidRequest, "is named twice");
        if (volume.Encrypted)
            yield return (ReasonCode.InvalidRequest, "is encrypted: its key is not in a backup, so that no other cloud "
                + "could read it");
        if (volume.Status is not ("available" or "in-use"))
            yield return (ReasonCode.WrongState, $"is {volume.Status}");
        if (groups.FirstOrDefault(g => g.Volumes.Any(v => BackupMover.HomeOf(g, v, [volume]) is not null)) is { } other)
            yield return (ReasonCode.Conflict, $"is in group {other.Name} already");
    }

    private static long Bytes(CloudDisk disk) => (long)disk.SizeGiB << 30;

    private static GroupFault Wrong(string place, string text) => new(ReasonCode.InvalidRequest, place, text);
}
