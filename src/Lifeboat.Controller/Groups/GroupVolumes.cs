// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Groups;

/// <summary>One volume of a group, at the site where its instance runs: released, captured again, resized.</summary>
internal sealed class GroupVolumes(LocalSide here, TenantQuotas quotas)
{
    /// <exception cref="ProblemException">WrongSite, VolumeUnknown, InvalidRequest, MonitorUnreachable.</exception>
    public async Task<GroupDefinition> ReleaseAsync(
        string group, string volume, ReleaseVolumeRequest request, CancellationToken ct)
    {
        var definition = Own(group);
        await here.SourceAgent(group).ReleaseVolumeAsync(group, volume, request, ct);
        return definition;
    }

    public async Task<GroupDefinition> CaptureAsync(string group, string volume, CancellationToken ct)
    {
        var definition = Own(group);
        await here.SourceAgent(group).CaptureVolumeAsync(group, volume, ct);
        return definition;
    }

    public async Task<GroupDefinition> ResizeAsync(
        string group, string volume, ResizeVolumeRequest request, CancellationToken ct)
    {
        var definition = Own(group);
        var now = definition.Volumes.FirstOrDefault(v => v.Name == volume)?.SizeBytes ?? request.SizeBytes;
        return await quotas.WithinAsync(definition.Tenant, 0, request.SizeBytes - now, async () =>
        {
            await here.SourceAgent(group).ResizeVolumeAsync(group, volume, request, ct);
            return definition;
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
