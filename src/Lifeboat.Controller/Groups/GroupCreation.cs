// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Recovery;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Groups;

// Protects instances. Both sites or neither:
//
//   check everything ─► boot files to both ─► definition and replica at the recovery site ─► definition and source here
//                                                    │ refused                                     │ refused
//                                                    ▼                                             ▼
//                                            forgotten there                        forgotten here, then there
internal sealed class GroupCreation(LocalSide here, PeerDirectory peers, GroupStore groups, BootFiles boot,
    InstanceCatalog instances, GroupSuspension suspension, TenantQuotas quotas, PolicyStore policies,
    EditWriter writer, TimeProvider time)
{
    public async Task<GroupDefinition> CreateAsync(CreateGroupRequest request, CancellationToken ct)
    {
        var volumes = VolumeMembers.IsAsked(request) ? await VolumesAsync(ct) : null;
        request = AsVolumes(request, volumes);
        var found = await CheckAsync(request, volumes, ct);
        var bytes = request.Members.Sum(m => m.Kind is MemberKind.VolumeOnly
            ? VolumeMembers.Define(request.Name, m.Volumes!, volumes!).Volumes.Sum(v => v.SizeBytes)
            : Replicated(m, found[m.Instance]).Sum(d => d.SizeBytes));
        return await quotas.WithinAsync(GroupName.TenantOf(request.Name), 1, bytes,
            () => CreateAsync(request, found, volumes, ct), ct);
    }

    // What the members are decides on what moves them.
    private static CreateGroupRequest AsVolumes(CreateGroupRequest request, IReadOnlyList<SiteVolume>? volumes)
    {
        if (volumes is null) return request;
        var policy = request.Policy ?? Policy.Default;
        return VolumeMembers.Expanded(request, volumes) with
        {
            Policy = policy.IsMovedByCloud ? policy : policy with { Source = ChangeSource.Backup },
        };
    }

    private async Task<GroupDefinition> CreateAsync(CreateGroupRequest request,
        Dictionary<string, SiteInstance> found, IReadOnlyList<SiteVolume>? volumes, CancellationToken ct)
    {
        var suspended = request.Suspend is { } wanted ? suspension.Checked(request.Name, wanted, null) : null;
        var peer = peers.Side(request.RecoverySite);
        var theirs = await peer.RecordAsync(request.Name, ct);
        if (theirs is { Removed: false }) throw Exists(request.Name, request.RecoverySite);
        IReadOnlyList<GroupRecord> before = [.. new[] { groups.Find(request.Name), theirs }.OfType<GroupRecord>()];
        var definition = await DefineAsync(request, found, volumes, before, ct) with { Suspension = suspended };
        foreach (var member in definition.Members) await boot.SendAsync(member.Description, peer, ct);
        try
        {
            await peer.SetGroupAsync(definition, ct);
            await peer.AcceptReplicaAsync(request.Name, new AcceptReplicaRequest(Seeded: false), ct);
            await here.SetGroupAsync(definition, ct);
            await here.StartSourceAsync(request.Name, ct);
            return definition;
        }
        // Whatever it was, also that the caller hung up.
        catch
        {
            await UndoAsync(definition, peer);
            throw;
        }
    }

    // Not with the caller's token: a caller who hangs up must not leave half a group behind.
    private async Task UndoAsync(GroupDefinition definition, PeerSide peer)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var removed = definition with { Version = definition.Version + 1 };
        try
        {
            await here.RemoveGroupAsync(removed, limit.Token);
            await peer.RemoveGroupAsync(removed, limit.Token);
        }
        catch (Exception e) when (e is ProblemException or OperationCanceledException)
        {
            // It is kept as deleted here, so the exchange between the sites ends it there; the caller gets the reason
            // why it could not be created, not why it could not be undone.
        }
    }

    private async Task<Dictionary<string, SiteInstance>> CheckAsync(CreateGroupRequest request,
        IReadOnlyList<SiteVolume>? volumes, CancellationToken ct)
    {
        var unmirrored = volumes is null ? null : await UnmirroredAsync(request, volumes, ct);
        var faults = new GroupFaults(request, here.Name, peers.Knows,
            g => groups.Find(g) is { Removed: false } record ? record.Definition : null, groups.WithMember,
            p => policies.Find(p)?.Policy, groups.All, volumes, unmirrored);
        var found = new Dictionary<string, SiteInstance>();
        foreach (var member in volumes is null ? request.Members ?? [] : [])
        {
            if (await instances.FindAsync(member.Instance, ct) is { } instance) found[member.Instance] = instance;
        }
        faults.ThrowIfAny(found);
        return found;
    }

    // Asked only where there is somebody to ask: a site that mirrors nothing says so when the group begins.
    private async Task<IReadOnlyDictionary<string, string>?> UnmirroredAsync(CreateGroupRequest request,
        IReadOnlyList<SiteVolume> volumes, CancellationToken ct)
    {
        if (request.Policy?.Source is not ChangeSource.PoolMirror) return null;
        if (here.Ability<IMirrorsVolumes>() is not { } mirror)
            throw new ProblemException(ReasonCode.NotAllowed, $"the driver of site {here.Name} knows no storage that "
                + "mirrors volumes", "Such groups are of clouds.");
        if (await SiteProblem.AskAsync(mirror.MirrorGapsAsync(ct)) is { Count: > 0 } gaps)
            throw new ProblemException(ReasonCode.NotAllowed, $"site {here.Name}: {gaps[0]}", null, gaps);
        var named = request.Members.SelectMany(m => m.Volumes ?? []).ToHashSet(StringComparer.Ordinal);
        return await SiteProblem.AskAsync(mirror.MirrorFaultsAsync(
            [.. volumes.Where(v => named.Contains(v.Id) || v.Name is not null && named.Contains(v.Name))
                .Select(v => v.Id)], ct));
    }

    private Task<IReadOnlyList<SiteVolume>> VolumesAsync(CancellationToken ct) =>
        here.Ability<IBacksUpVolumes>() is { } site ? SiteProblem.AskAsync(site.VolumesAsync(ct))
            : throw new ProblemException(ReasonCode.NotAllowed, $"the driver of site {here.Name} has no volumes that "
                + "could be backed up", "Volume-only groups are of clouds.");

    private async Task<GroupDefinition> DefineAsync(CreateGroupRequest request,
        Dictionary<string, SiteInstance> found, IReadOnlyList<SiteVolume>? cloud, IReadOnlyList<GroupRecord> before,
        CancellationToken ct)
    {
        ushort index = 0;
        var members = new List<GroupMember>();
        var targets = new List<TargetDisk>();
        if (cloud is not null)
            members.Add(VolumeMembers.Define(request.Name, request.Members[0].Volumes!, cloud));
        foreach (var wanted in cloud is null ? request.Members : [])
        {
            var instance = found[wanted.Instance];
            var volumes = new List<GroupVolume>();
            foreach (var disk in Replicated(wanted, instance))
            {
                var name = $"{instance.Name}.{disk.Name}";
                volumes.Add(new GroupVolume(index++, name, instance.Name, disk.Name, disk.SizeBytes));
                if (wanted.TargetDisks?.TryGetValue(disk.Name, out var path) == true)
                    targets.Add(new TargetDisk(request.RecoverySite, name, path));
            }
            var description = await boot.ImportAsync(instance.Description, ct);
            members.Add(new GroupMember(instance.Name, wanted.Kind, wanted.BootOrder, description, volumes));
        }
        return new GroupDefinition
        {
            Name = request.Name,
            Version = 1,
            Epoch = After(before),
            PrimarySite = here.Name,
            RecoverySite = request.RecoverySite,
            Policy = PolicyOf(request),
            Follows = request.PolicyName is { } named ? new PolicyFollowing(named, [.. request.Overrides ?? []]) : null,
            Application = request.Application,
            Members = members,
            Checks = request.Checks,
            Dns = request.Dns?.Normal().OrNone(),
            TargetDisks = targets,
            Edits = GroupMerging.Anew(before, writer.Name, time.GetUtcNow()),
        };
    }

    // Read anew: it may have been changed since it was checked.
    private Policy PolicyOf(CreateGroupRequest request)
    {
        if (request.PolicyName is not { } name) return request.Policy ?? Policy.Default;
        var full = GroupName.Of(GroupName.TenantOf(request.Name), name);
        var named = policies.Find(full)?.Policy ?? throw PolicyCatalog.Unknown(full);
        return PolicyFields.Taken(named, request.Policy ?? named, request.Overrides ?? []);
    }

    internal static IEnumerable<SiteDisk> Replicated(MemberRequest wanted, SiteInstance instance) =>
        instance.Disks.Where(d => wanted.ExcludedDisks?.Contains(d.Name) != true);

    // A name that was used before goes on after it, so that nothing of the old group is taken for the new one.
    private static Epoch After(IReadOnlyList<GroupRecord> before) =>
        before.Count == 0 ? Epoch.First : before.Max(r => r.Definition.Epoch).Next();

    private static ProblemException Exists(string group, string site) =>
        new(ReasonCode.GroupExists, $"site {site} has a group {group} already", "Choose another name.");
}
