// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Sides;

internal sealed partial class LocalSide
{
    /// <param name="point">Null: the newest that is not damaged.</param>
    /// <exception cref="ProblemException">
    /// WrongSite, NoRecoveryPoint, ReplicaDamaged, or as the agent refused.
    /// </exception>
    public async Task<GroupDigest> PointDigestAsync(string group, Guid? point, CancellationToken ct)
    {
        var definition = Require(group);
        if (await ReplicaAsync(group, ct) is not { } replica)
            throw new ProblemException(ReasonCode.WrongSite, $"site {name} has no replica of {group}",
                $"Ask site {definition.Other(name)}.");
        var wanted = point ?? replica.Newest?.Id ?? throw new ProblemException(ReasonCode.NoRecoveryPoint,
            $"group {group} has no sealed point yet");
        return await agent.PointDigestAsync(group, wanted, ct);
    }

    /// <exception cref="ProblemException">WrongSite; WrongState: an instance runs; or as the agent refused.</exception>
    public async Task<GroupDigest> SourceDigestAsync(string group, CancellationToken ct)
    {
        var definition = Require(group);
        if (definition.PrimarySite != name)
            throw new ProblemException(ReasonCode.WrongSite, $"group {group} runs at site {definition.PrimarySite}",
                "Ask there.");
        var stopped = new List<StoppedDisk>();
        foreach (var member in definition.Members)
        {
            if (await FindInstanceAsync(member.Instance, ct) is not { Power: InstancePower.Stopped } instance) continue;
            foreach (var volume in member.Volumes)
                if (instance.Disks.FirstOrDefault(d => d.Name == volume.Disk) is { File: { } file, Format: "raw" })
                    stopped.Add(new StoppedDisk(volume.Index, file));
                else
                    throw new ProblemException(ReasonCode.WrongState,
                        $"{volume.Name} is not one raw file, so it can be read through its instance only",
                        $"Start {member.Instance} paused.");
        }
        return await SourceAgent(group).SourceDigestAsync(group, new SourceDigestRequest(stopped), ct);
    }
}
