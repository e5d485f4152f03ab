// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Sides;

// A seed is carried instead of sent: written where the instances run, taken in where the replica is kept. The replica
// begins with it, and the source's hash compare brings what differs as one batch.
internal sealed partial class LocalSide
{
    /// <exception cref="ProblemException">WrongSite, or as the agent refused.</exception>
    public async Task<SeedInfo> ExportSeedAsync(string group, SeedRequest request, CancellationToken ct)
    {
        var definition = Require(group);
        if (definition.PrimarySite != name)
            throw new ProblemException(ReasonCode.WrongSite, $"group {group} runs at site {definition.PrimarySite}",
                "Ask there.");
        return await SourceAgent(group).ExportSeedAsync(group, request, ct);
    }

    /// <exception cref="ProblemException">
    /// WrongSite; WrongState: the replica has recovery points; InvalidRequest with all that is wrong with the seed.
    /// Whatever is refused leaves the replica as it was.
    /// </exception>
    public async Task<SeedInfo> ImportSeedAsync(string group, SeedRequest request, CancellationToken ct)
    {
        await SeedableAsync(group, ct);
        var seed = await agent.VerifySeedAsync(group, request, ct);
        using var alone = await locks.EnterAsync(group, ct);
        var definition = Require(group);
        if (Strange(seed, definition).ToList() is { Count: > 0 } problems)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the seed {seed.Directory} is not of this group",
                null, problems);
        var known = await SeedableAsync(group, ct);
        var spec = known.Spec with
        {
            Volumes =
            [
                .. from v in known.Spec.Volumes
                   let file = seed.Volumes.First(s => s.Index == v.Index).File
                   select v with { SeedFile = file, SeedFormat = SeedFormat },
            ],
        };
        await agent.DeleteReplicaAsync(group, ct);
        try
        {
            await agent.PutReplicaAsync(spec, ct);
        }
        catch (ProblemException)
        {
            // An empty replica again, as it was; the caller gets the reason.
            await agent.PutReplicaAsync(known.Spec, ct);
            throw;
        }
        specs.SaveReplica(known with { Spec = spec });
        return seed;
    }

    public Task<SeedProgress> SeedProgressAsync(string group, CancellationToken ct)
    {
        Require(group);
        return SourceAgent(group).SeedProgressAsync(group, ct);
    }

    private const string SeedFormat = "lifeboat-seed";

    private async Task<SpecStore.StoredReplica> SeedableAsync(string group, CancellationToken ct)
    {
        var definition = Require(group);
        if (definition.RecoverySite != name || specs.Replica(group) is not { Active: true } known)
            throw new ProblemException(ReasonCode.WrongSite,
                $"the replica of group {group} is kept at site {definition.RecoverySite}", "Ask there.");
        return await ReplicaAsync(group, ct) is { Points: > 0 and var points }
            ? throw new ProblemException(ReasonCode.WrongState,
                $"the replica of {group} has {points} recovery points, which a seed would end",
                "A seed is for a replica that has none yet: what it lacks is sent over the link.")
            : known;
    }

    private static IEnumerable<string> Strange(SeedInfo seed, GroupDefinition group)
    {
        if (seed.Group != group.Name) yield return $"it is of group {seed.Group}";
        if (seed.PrimarySite != group.PrimarySite)
            yield return $"it was written at site {seed.PrimarySite}; the group runs at {group.PrimarySite}";
        if (seed.RecoverySite != group.RecoverySite) yield return $"it is for site {seed.RecoverySite}";
        if (seed.Epoch > group.Epoch) yield return $"it is of epoch {seed.Epoch}; the group is in {group.Epoch}";
        foreach (var volume in group.Volumes)
        {
            var there = seed.Volumes.FirstOrDefault(v => v.Index == volume.Index);
            if (there is null) yield return $"it has no volume {volume.Index} ({volume.Name})";
            else if (there.Name != volume.Name || there.SizeBytes != volume.SizeBytes)
                yield return $"volume {volume.Index} is {there.Name} of {there.SizeBytes} bytes there, {volume.Name} "
                    + $"of {volume.SizeBytes} in the group";
        }
    }
}
