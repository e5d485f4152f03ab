// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Sides;

// An instance that comes back to a site that has it still: what its disks there hold may be written over.
//
// Invariant (I5): only where the replica here began as a copy of that very disk, and the instance was not started
// since; and what that copy was of is in the group's history, since a planned move shut the guest down and nobody
// started it again, or was kept beside the replica.
internal sealed partial class LocalSide
{
    private bool WritesOver => site is IWritesOverDisks { WritesOver: true };

    private async Task<Dictionary<string, string>> StintsAsync(GroupDefinition group, CancellationToken ct)
    {
        var stints = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var member in group.Members.Where(_ => WritesOver))
            if (await FindInstanceAsync(member.Instance, ct) is { Stint: { } stint }) stints[member.Instance] = stint;
        return stints;
    }

    /// <summary>Sees to it that what the disks here hold is held. Elsewhere the disks themselves stay as they
    /// are.</summary>
    /// <returns>False: it is not, and they are never written over.</returns>
    private async Task<bool> HoldAsync(GroupDefinition group, AcceptReplicaRequest request, CancellationToken ct)
    {
        if (!WritesOver) return false;
        var known = true;
        foreach (var member in group.Members)
        {
            if (await FindInstanceAsync(member.Instance, ct) is not { } here) continue;
            if (here.Stint is null) return false;
            known &= request.Complete && here.LeftClean
                || HeldDisks(here).Count == group.Volumes.Count(v => v.Instance == here.Name);
        }
        if (known) return true;
        // One that cannot be copied cannot be kept either.
        if ((await DisksAsync(group.Volumes, ct)).Count < group.Volumes.Count()) return false;
        await KeepAsync(group, request.KeepAs ?? $"left-{group.Epoch}", ct);
        return true;
    }

    private async Task<StartRequest> WithHeldAsync(StartRequest request, CancellationToken ct)
    {
        if (!WritesOver || request.Bubble is not null
            || await FindInstanceAsync(request.Instance, ct) is not { } here) return request;
        var held = HeldDisks(here);
        return request with { Disks = [.. request.Disks.Select(d => d with { Held = held.Contains(d.Disk) })] };
    }

    // Of instances that this site has as somebody else's own, and that would come back to it.
    private async Task<IReadOnlyList<string>> UnheldAsync(IReadOnlyList<InstanceDescription> instances,
        CancellationToken ct)
    {
        var said = new List<(string, string)>();
        foreach (var instance in instances.Where(_ => WritesOver))
        {
            // Another one of that name is a gap of the site's own.
            if (await FindInstanceAsync(instance.Name, ct) is not { Adopted: true } here
                || here.Description.Cloud?.ServerId != instance.Cloud?.ServerId) continue;
            if (here.Power is not InstancePower.Stopped)
            {
                said.Add((instance.Name,
                    $"it is {here.Power} at {name}: reprotect stops it, and copies what it wrote"));
                continue;
            }
            var held = HeldDisks(here);
            said.AddRange(instance.Disks.Where(d => here.Disks.Any(h => h.Name == d.Name) && !held.Contains(d.Name))
                .Select(d => (instance.Name, $"disk {d.Name}: what it holds at {name} may be nowhere else, as it was "
                    + "never copied or was started since; reprotect copies it, or remove the instance here")));
        }
        return SiteFit.Said(said);
    }

    private HashSet<string> HeldDisks(SiteInstance here)
    {
        var owner = groups.Now().Values.FirstOrDefault(g => !g.Removed
            && g.Definition.Members.Any(m => m.Instance == here.Name)
            && (g.Definition.PrimarySite == name || g.Definition.RecoverySite == name))?.Definition;
        if (owner is null || specs.Replica(owner.Name) is not { Active: true, Spec: var replica }) return [];
        return
        [
            .. from volume in owner.Volumes.Where(v => v.Instance == here.Name)
               let seed = replica.Volumes.FirstOrDefault(v => v.Name == volume.Name)
               let disk = here.Disks.FirstOrDefault(d => d.Name == volume.Disk)
               where seed is { SeedStint: not null } && disk?.File is not null && seed.SeedFile == disk.File
                   && seed.SeedStint == here.Stint
               select volume.Disk,
        ];
    }
}
