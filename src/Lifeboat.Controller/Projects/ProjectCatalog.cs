// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Instances;
using Lifeboat.Recovery;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Projects;

/// <summary>Projects of other sites as they were described, and the one of this site that is made like them.</summary>
internal sealed class ProjectCatalog(LocalSide here, GroupStore groups, PeerDirectory peers, ProjectStore store)
{
    /// <summary>What a paired site is told of the project that this one is: before there is any group too, since
    /// the first one may need the project there.</summary>
    public async Task<PeerProject> TellAsync(CancellationToken ct) =>
        new(here.Ability<IMakesProjects>() is { } site ? await SiteProblem.AskAsync(site.DescribeProjectAsync(ct))
            : null);

    /// <summary>Sites that this one is paired with.</summary>
    public IReadOnlyList<string> Sites() => [.. peers.All.Select(p => p.Name)];

    /// <summary>Asks a site for the description of its project now, and keeps it.</summary>
    /// <returns>Null: it is no project of a cloud.</returns>
    public async Task<KeptProject?> RefreshAsync(string site, CancellationToken ct)
    {
        peers.Get(site);
        if ((await peers.Side(site).ProjectAsync(ct)).Project is not { } project) return null;
        var problems = project.Problems().ToList();
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"what site {site} says of its project cannot be taken over", null, problems);
        return store.Keep(site, project);
    }

    public IReadOnlyList<KeptProject> All() => store.All();

    public KeptProject Get(string site, long? version) => store.Find(site, version)
        ?? throw new ProblemException(ReasonCode.ProjectUnknown, version is null
            ? $"site {here.Name} has no description of the project of site {site}"
            : $"site {here.Name} has no version {version} of the project of site {site}",
            "It is kept of paired sites that are clouds, and looked at every few minutes; "
            + $"`lifeboat project refresh --from {site}` does it now, and says what is in the way.");

    public Task<ProjectPlan> PlanAsync(string site, ProjectRequest request, CancellationToken ct) =>
        SiteProblem.AskAsync(Driver().PlanProjectAsync(Order(site, request), ct));

    /// <exception cref="ProblemException">PlanGaps; NotAllowed: the project is somebody else's.</exception>
    public async Task<PreparedProject> PrepareAsync(string site, ProjectRequest request, CancellationToken ct)
    {
        var plan = await PlanAsync(site, request, ct);
        if (plan is { State: ProjectState.Foreign, Changes.Count: > 0 } && !request.Extend)
            throw new ProblemException(ReasonCode.NotAllowed,
                $"project {plan.Name} of {plan.Domain} is here and was not made by Lifeboat",
                $"Nothing was changed. `--extend` gives it what it lacks: {plan.Changes.Count} change(s).");
        if (plan.Gaps.Count > 0 && !request.DespiteGaps)
            throw new ProblemException(ReasonCode.PlanGaps,
                $"project {plan.Name} of {plan.Domain} has {plan.Gaps.Count} gap(s) at site {here.Name}",
                "Nothing was changed. Close them; `--despite-gaps` makes what has none.", plan.Gaps);
        DryRun.EndsHere();
        return await SiteProblem.AskAsync(Driver().PrepareProjectAsync(Order(site, request), ct));
    }

    /// <exception cref="ProblemException">WrongState: it is not to go.</exception>
    public async Task<ProjectRemains> RemoveAsync(CancellationToken ct)
    {
        var remains = await SiteProblem.AskAsync(Driver().ProjectRemainsAsync(ct));
        List<string> holds = [.. remains.Holds.Select(h => $"in it: {h}"), .. Users().Select(g =>
            $"group {g} is recovered to it or runs in it")];
        if (remains.State is ProjectState.Foreign) holds.Insert(0, "it was not made by Lifeboat");
        if (holds.Count > 0)
            throw new ProblemException(ReasonCode.WrongState,
                $"project {remains.Name} of {remains.Domain} cannot be removed", "Nothing was changed.", holds);
        DryRun.EndsHere();
        await SiteProblem.AskAsync(RemovedAsync(ct));
        return remains;
    }

    private async Task<bool> RemovedAsync(CancellationToken ct)
    {
        await Driver().RemoveProjectAsync(ct);
        return true;
    }

    private ProjectOrder Order(string site, ProjectRequest request) =>
        new(Get(site, request.Version).Project, Servers(), request.Extend);

    // Whatever site they come from: the project here is one, and its quotas are for all of them.
    private IReadOnlyList<InstanceDescription> Servers() => [.. groups.Now().Values
        .Where(r => !r.Removed && r.Definition.RecoverySite == here.Name)
        .SelectMany(r => r.Definition.Members).Select(m => m.Description)];

    private IEnumerable<string> Users() => groups.Now().Values.Where(r => !r.Removed
        && (r.Definition.RecoverySite == here.Name || r.Definition.PrimarySite == here.Name))
        .Select(r => r.Definition.Name);

    private IMakesProjects Driver() => here.Ability<IMakesProjects>() ?? throw new ProblemException(
        ReasonCode.NotAllowed, $"site {here.Name} is no project of a cloud");
}
