// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Merging;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Protection.Groups;

/// <summary>
/// What both sites know of a protection group: instances and volumes recovered to one moment. Versioned; a higher epoch
/// wins over a lower one, within an epoch the higher version wins. What people edited of it is merged besides.
/// </summary>
public sealed record GroupDefinition
{
    /// <summary>The full name, see <see cref="GroupName"/>.</summary>
    public required string Name { get; init; }
    [JsonIgnore]
    public string Tenant => GroupName.TenantOf(Name);
    public required long Version { get; init; }
    public required Epoch Epoch { get; init; }
    /// <summary>The site whose instances write now (per group, not per site).</summary>
    public required string PrimarySite { get; init; }
    public required string RecoverySite { get; init; }
    public required Policy Policy { get; init; }
    /// <summary>The named policy that it is taken from; null: it is the group's own.</summary>
    public PolicyFollowing? Follows { get; init; }
    public required IReadOnlyList<GroupMember> Members { get; init; }

    /// <summary>Groups of the same application share cuts; null: it stands alone.</summary>
    public string? Application { get; init; }
    /// <summary>The full name of the application: only groups of one tenant share cuts.</summary>
    [JsonIgnore]
    public string? FullApplication => Application is null ? null : GroupName.Of(Tenant, Application);
    /// <summary>The full name of the policy that it follows.</summary>
    [JsonIgnore]
    public string? FullPolicy => Follows is null ? null : GroupName.Of(Tenant, Follows.Policy);
    /// <summary>What runs verify, as <see cref="Plans.Check"/> reads it.</summary>
    public IReadOnlyList<string> Checks { get; init; } = [];
    /// <summary>Names that lead to its instances wherever they run; null: none.</summary>
    public GroupDns? Dns { get; init; }
    /// <summary>Disks that a site was told to keep the replica in.</summary>
    public IReadOnlyList<TargetDisk> TargetDisks { get; init; } = [];
    /// <summary>Volumes that a failover to an older point left behind, until they are in the group again.</summary>
    public IReadOnlyList<FormerVolume> Former { get; init; } = [];
    /// <summary>Shipping is stopped on purpose; one whose time is over is none.</summary>
    public Suspension? Suspension { get; init; }

    /// <summary>
    /// How often the source was moved to another agent of the primary site. Within an epoch it only grows, and the
    /// recovery site refuses a source that is behind: an agent that comes back does not take its group back.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long SourceMoves { get; init; }

    /// <summary>What people edited of it, and where; null: by a release that did not number edits.</summary>
    public MergedFields? Edits { get; init; }

    /// <summary>Set by an unplanned failover, cleared by the next move; null: both sides have one history.</summary>
    public GroupFork? Fork { get; init; }

    /// <summary>Its mover is the cloud's backup, or its storage: no agent has anything of it.</summary>
    [JsonIgnore]
    public bool MovedByCloud => Policy.IsMovedByCloud;
    /// <summary>Of those the ones that the storage mirrors.</summary>
    [JsonIgnore]
    public bool MovedByMirror => Policy.Source is ChangeSource.PoolMirror;

    /// <summary>The site of the two that the other one is.</summary>
    public string Other(string site) => site == PrimarySite ? RecoverySite : PrimarySite;

    /// <summary>All volumes of all members, in index order: index 0, 1, 2… is the volume's number in the
    /// journal.</summary>
    public IEnumerable<GroupVolume> Volumes => Members.SelectMany(m => m.Volumes).OrderBy(v => v.Index);

    /// <summary>What is wrong with it; a definition of another site is not believed before this is empty.</summary>
    public IEnumerable<string> Problems() => GroupDefinitionRules.Problems(this);

    /// <summary>
    /// The group without the volumes that the point of a failover is older than, and the disks of its instances without
    /// them. Volumes are only ever added behind those that are there, so the others keep their indexes.
    /// </summary>
    /// <param name="site">Where their state stays.</param>
    /// <param name="epoch">That the failover raises the group to.</param>
    public GroupDefinition GivingUp(IReadOnlyCollection<string> volumes, string site, Epoch epoch)
    {
        var gone = Volumes.Where(v => volumes.Contains(v.Name)).ToList();
        if (gone.Count == 0) return this;
        var former = from m in Members
                     from v in m.Volumes.Where(gone.Contains)
                     select new FormerVolume(v, m.Description.Disks.First(d => d.Name == v.Disk), site, epoch);
        return this with
        {
            Former = [.. Former, .. former],
            Members = [.. Members.Select(m => Without(m, [.. m.Volumes.Where(gone.Contains)]))],
        };
    }

    /// <summary>The group with one more volume, behind those that it has.</summary>
    /// <param name="disk">Of that member; it may be in its description already.</param>
    /// <param name="target">What the recovery site keeps its base image in; null: a file of the agent's.</param>
    public GroupDefinition With(string instance, InstanceDisk disk, string? target)
    {
        var volume = new GroupVolume((ushort)Volumes.Count(), $"{instance}.{disk.Name}", instance, disk.Name,
            disk.SizeBytes);
        var others = TargetDisks.Where(t => t.Volume != volume.Name);
        return this with
        {
            Members = [.. Members.Select(m => m.Instance == instance ? With(m, volume, disk) : m)],
            TargetDisks = target is null ? [.. others] : [.. others, new TargetDisk(RecoverySite, volume.Name, target)],
            Former = [.. Former.Where(f => f.Volume.Name != volume.Name)],
        };
    }

    private static GroupMember With(GroupMember member, GroupVolume volume, InstanceDisk disk) => member with
    {
        Volumes = [.. member.Volumes, volume],
        Description = member.Description with
        {
            Disks = [.. member.Description.Disks.Where(d => d.Name != disk.Name), disk],
        },
    };

    private static GroupMember Without(GroupMember member, IReadOnlyList<GroupVolume> gone) => member with
    {
        Volumes = [.. member.Volumes.Except(gone)],
        Description = member.Description with
        {
            Disks = [.. member.Description.Disks.Where(d => gone.All(v => v.Disk != d.Name))],
        },
    };

    public bool Supersedes(GroupDefinition? other) =>
        other is null || Epoch > other.Epoch || (Epoch == other.Epoch && Version > other.Version);
}

/// <param name="BootOrder">Lower boots first; equal numbers boot together.</param>
public sealed record GroupMember(
    string Instance, MemberKind Kind, int BootOrder, InstanceDescription Description,
    IReadOnlyList<GroupVolume> Volumes)
{
    /// <summary>What a volume of a volume-only member was at the cloud that it was put into the group at.</summary>
    public CloudDisk? CloudDiskOf(GroupVolume volume) =>
        Description.CloudVolumes?.FirstOrDefault(d => d.Disk == volume.Disk);
}

/// <param name="Index">The volume's number in the group's journal: stable for the life of the group.</param>
/// <param name="Name">`instance.disk`, unique in the group, e.g. `db1.data0`.</param>
/// <param name="Disk">The disk's name in the instance description.</param>
/// <param name="SizeBytes">Virtual size in bytes, a multiple of 512.</param>
public sealed record GroupVolume(ushort Index, string Name, string Instance, string Disk, long SizeBytes);

/// <param name="Path">An existing raw file or block device at that site.</param>
public sealed record TargetDisk(string Site, string Volume, string Path);
