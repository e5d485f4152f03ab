// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Protection.Groups;

/// <summary>What a definition must be, wherever it comes from. Its names become file names.</summary>
internal static class GroupDefinitionRules
{
    private const int VolumesMax = 4096;
    private const int SectorBytes = 512;

    public static IEnumerable<string> Problems(GroupDefinition group) =>
        Names(group).Concat(Members(group)).Concat(Volumes(group)).Concat(group.Policy.Problems())
            .Concat(group.Follows?.Problems() ?? [])
            .Concat(group.Suspension?.Problems() ?? [])
            .Concat(Former(group))
            .Concat((group.Edits?.Problems() ?? []).Select(p => $"edits: {p}"))
            .Concat(group.Dns?.Faults([.. group.Members.Select(m => m.Instance)], null).Select(f => f.Text) ?? [])
            .Concat(group.Checks.Select(c => Check.Parse(c).Problem).OfType<string>());

    private static IEnumerable<string> Names(GroupDefinition group)
    {
        if (!GroupName.IsValid(group.Name)) yield return $"name is '{group.Name}'; {GroupName.Rule}";
        foreach (var (what, name) in new[]
        {
            ("primarySite", group.PrimarySite), ("recoverySite", group.RecoverySite),
        })
        {
            if (!EntityName.IsValid(name)) yield return $"{what} is '{name}'; {EntityName.Rule}";
        }
        if (group.Application is { } application && !EntityName.IsValid(application))
            yield return $"application is '{application}'; {EntityName.Rule}";
        if (group.PrimarySite == group.RecoverySite) yield return "primarySite and recoverySite are the same";
        if (group.Epoch < Epoch.First) yield return $"epoch is {group.Epoch}; the first is {Epoch.First}";
        if (group.Fork is { } fork && (!IsSite(group, fork.LeftSite) || !IsSite(group, fork.Loser ?? fork.LeftSite)))
            yield return "fork is between other sites than the group";
        if (group.SourceMoves < 0) yield return $"sourceMoves is {group.SourceMoves}; it is not negative";
        if (group.Version < 1) yield return $"version is {group.Version}; the first is 1";
    }

    private static bool IsSite(GroupDefinition group, string site) =>
        site == group.PrimarySite || site == group.RecoverySite;

    private static IEnumerable<string> Members(GroupDefinition group)
    {
        if (group.Members.Count == 0) yield return "members is empty";
        if (group.Members.DistinctBy(m => m.Instance).Count() != group.Members.Count)
            yield return "members: an instance twice";
        if (group.MovedByCloud != group.Members.Any(m => m.Kind is MemberKind.VolumeOnly))
            yield return "policy.source is backup or pool-mirror where the members are volumes only, and nowhere else";
        if (group.Members.Any(m => m.Kind is MemberKind.VolumeOnly) && group.Members.Count > 1)
            yield return "members: a volume-only group has one, which is its volumes";
        foreach (var member in group.Members)
        {
            if (!EntityName.IsValid(member.Instance))
                yield return $"instance is '{member.Instance}'; {EntityName.Rule}";
            foreach (var file in BootFiles(member.Description).Where(f => !IsByContent(f)))
                yield return $"{member.Instance}: boot file '{file}' is not named by its content";
            foreach (var problem in member.Description.Cloud?.Problems() ?? [])
                yield return $"{member.Instance}: {problem}";
            if (member.Kind is MemberKind.VolumeOnly && member.Volumes.Any(v => member.CloudDiskOf(v) is null))
                yield return $"{member.Instance}: a volume of it is not described as a cloud's";
            foreach (var volume in member.Volumes.Where(v => v.Instance != member.Instance
                || v.Name != $"{member.Instance}.{v.Disk}" || member.Description.Disks.All(d => d.Name != v.Disk)))
                yield return $"{member.Instance}: volume '{volume.Name}' is none of its disks";
        }
    }

    private static IEnumerable<string> Volumes(GroupDefinition group)
    {
        var volumes = group.Volumes.Take(VolumesMax + 1).ToList();
        if (volumes.Count is 0 or > VolumesMax) yield return $"a group has 1 to {VolumesMax} volumes";
        if (!volumes.Select((v, i) => v.Index == i).All(same => same)) yield return "volumes are not numbered 0, 1, 2…";
        foreach (var volume in volumes.Where(v => v.SizeBytes <= 0 || v.SizeBytes % SectorBytes != 0))
            yield return $"{volume.Name}: sizeBytes is {volume.SizeBytes}; it must be a multiple of {SectorBytes}";
    }

    // Their names become names of files too, where their state is kept.
    private static IEnumerable<string> Former(GroupDefinition group)
    {
        foreach (var former in group.Former)
        {
            if (!IsSite(group, former.Site)) yield return $"former volume '{former.Volume.Name}' is at another site";
            if (former.Disk.Name != former.Volume.Disk
                || former.Volume.Name != $"{former.Volume.Instance}.{former.Volume.Disk}"
                || group.Members.All(m => m.Instance != former.Volume.Instance))
                yield return $"former volume '{former.Volume.Name}' is of no member";
        }
    }

    private static IEnumerable<string> BootFiles(InstanceDescription description) =>
        new[] { description.Kernel?.KernelFile, description.Kernel?.InitrdFile }.OfType<string>();

    // A path would make one site read whatever file the other names.
    private static bool IsByContent(string file) => file.StartsWith("sha256:", StringComparison.Ordinal)
        && file.Length == "sha256:".Length + 64 && file["sha256:".Length..].All(char.IsAsciiHexDigitLower);
}
