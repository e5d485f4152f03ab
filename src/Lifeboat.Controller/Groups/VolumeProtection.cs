// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Groups;

// Takes a disk of a protected instance into its group:
//
//   check ─► the site's record ─► room in the replica, then the definition there ─► definition here ─► source anew
//                                             │ refused or not answered
//                                             ▼
//                          nothing is changed here; what was done there all the same comes by the exchange
//
// Asked again it goes on where it was. The volume is whole with the end of its first copy, a batch.
internal sealed class VolumeProtection(LocalSide here, PeerDirectory peers, IRunStore runs, TenantQuotas quotas)
{
    /// <exception cref="ProblemException">
    /// WrongSite, VolumeUnknown, InvalidRequest, RunInProgress; WrongState: nothing is replicated now; Conflict: points
    /// are open at the recovery site; PeerUnreachable; as the recovery site refused.
    /// </exception>
    public async Task<GroupDefinition> ProtectAsync(
        string group, string volume, ProtectVolumeRequest request, CancellationToken ct)
    {
        var definition = Own(group);
        if (definition.Volumes.All(v => v.Name != volume))
            definition = await AddAsync(definition, volume, request, ct);
        await here.StartSourceAsync(group, ct);
        return definition;
    }

    private async Task<GroupDefinition> AddAsync(
        GroupDefinition group, string volume, ProtectVolumeRequest request, CancellationToken ct)
    {
        if ((await runs.UnfinishedAsync(ct)).FirstOrDefault(r => r.Group == group.Name) is { } run)
            throw new ProblemException(ReasonCode.RunInProgress, $"group {group.Name} has a run under way",
                $"{run.Kind} {run.Id}; cancel it or wait for its end.");
        if (!here.Replicates(group))
            throw new ProblemException(ReasonCode.WrongState, $"group {group.Name} is not replicated now",
                "A disk enters its group through the stream: resume or reprotect the group first.");
        if (request.TargetDisk is { } target && !Path.IsPathFullyQualified(target))
            throw new ProblemException(ReasonCode.InvalidRequest, $"targetDisk is '{target}'; it must be a full path");
        var member = group.Members.FirstOrDefault(m => volume.StartsWith(m.Instance + ".", StringComparison.Ordinal))
            ?? throw new ProblemException(ReasonCode.VolumeUnknown, $"{volume} is no disk of group {group.Name}",
                $"Name it INSTANCE.DISK, of {string.Join(", ", group.Members.Select(m => m.Instance))}.");
        var disk = await here.TakeInDiskAsync(member.Instance, volume[(member.Instance.Length + 1)..], ct);
        var next = group.With(member.Instance, disk, request.TargetDisk) with { Version = group.Version + 1 };
        if (next.Problems().ToList() is { Count: > 0 } problems)
            throw new ProblemException(ReasonCode.InvalidRequest, $"{volume} cannot be in group {group.Name}", null,
                problems);
        return await quotas.WithinAsync(group.Tenant, 0, disk.SizeBytes, async () =>
        {
            await peers.Side(next.RecoverySite).SetGroupAsync(next, ct);
            await here.SetGroupAsync(next, ct);
            return here.Require(group.Name) is var kept && kept.Volumes.Any(v => v.Name == volume) ? kept
                : throw new ProblemException(ReasonCode.PreconditionFailed,
                    $"group {group.Name} was changed by something else meanwhile", "Ask again.");
        }, ct);
    }

    private GroupDefinition Own(string group)
    {
        var definition = here.Require(group);
        return definition.PrimarySite == here.Name
            ? definition
            : throw new ProblemException(ReasonCode.WrongSite,
                $"group {group} runs at site {definition.PrimarySite}", "Ask there.");
    }
}
