// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Plans;

namespace Lifeboat.Controller.Evacuations;

/// <summary>What an evacuation would be.</summary>
/// <param name="IsFaulty">The request itself is at fault, and not only what the sites are in.</param>
internal sealed record EvacuationDraft(EvacuationPlan Plan, IReadOnlyList<Evacuee> Groups, bool IsFaulty);

/// <summary>
/// Looks at everything before anything runs: which groups, in which waves, how long, and all that is in the way of any
/// of them at once. Changes nothing. Of a site that is said to be dead nothing is asked.
/// </summary>
internal sealed class EvacuationPlanner(LocalSide here, GroupStore groups, GroupOverview overview, RunHost runs,
    PeerDirectory peers, IEvacuationStore evacuations)
{
    public async Task<EvacuationDraft> PlanAsync(StartEvacuationRequest request, Caller caller, CancellationToken ct)
    {
        string? Full(string name) => caller.Tenant is { } tenant ? GroupName.Within(tenant, name) : name;
        var seen = groups.Now().Values.Where(r => !r.Removed).Select(r => r.Definition)
            .Where(d => caller.Sees(d.Tenant)).ToList();
        var selection = EvacuationSelection.Of(request, seen, here.Name, Full);
        var faults = selection.Faults.ToList();
        if (request.Parallel is < 1 or > EvacuationRules.ParallelMost)
            faults.Add($"parallel is {request.Parallel}; allowed is 1 to {EvacuationRules.ParallelMost}");
        if (request.From is { } from && !peers.Knows(from)) faults.Add($"site {here.Name} is not paired with '{from}'");
        var waves = EvacuationWaves.Of(
            [.. selection.Groups.Select(d => new WaveMember(d.Name, d.FullApplication, d.Policy.Priority))],
            [.. request.Waves.SelectMany(w => w.Members.Select(m => (w.Number, Full(m) ?? m)))], faults);
        var answers = selection.From is { } left && peers.Knows(left)
            && (request.SourceIsDead ? peers.Client(left).Answers : await AnswersAsync(left, ct));
        var found = new Found(await LookAsync(request, caller, ct));
        if (selection.From is { } site && peers.Knows(site)) Note(site, answers, request, found);
        await CheckAsync(request, selection, found, faults, ct);
        return Draft(request, selection, waves, found, faults);
    }

    // Now: when it was asked last may be long ago, or never since this controller started.
    private async Task<bool> AnswersAsync(string site, CancellationToken ct)
    {
        try
        {
            await peers.Side(site).StatusesAsync(ct);
            return true;
        }
        catch (ProblemException)
        {
            return false;
        }
    }

    private static void Note(string site, bool answers, StartEvacuationRequest request, Found found)
    {
        if (!request.SourceIsDead && !answers)
            found.Problems.Add($"site {site} does not answer, and planned moves need it; if it is lost for good: "
                + "--source-is-dead");
        if (request.SourceIsDead && answers)
            found.Notes.Add($"site {site} answers: its instances must be gone for good, else both sites write");
    }

    private async Task<IReadOnlyDictionary<string, GroupInfo>> LookAsync(StartEvacuationRequest request, Caller caller,
        CancellationToken ct) =>
        (request.SourceIsDead ? await overview.HereAsync(ct) : await overview.AllAsync(caller.Sees, ct))
            .ToDictionary(g => g.Definition.Name, StringComparer.Ordinal);

    private async Task CheckAsync(StartEvacuationRequest request, EvacuationSelection selection, Found found,
        List<string> faults, CancellationToken ct)
    {
        var others = await evacuations.UnfinishedAsync(ct);
        foreach (var group in selection.Groups)
        {
            if (others.FirstOrDefault(e => e.Groups.Any(g => g.Group == group.Name)) is { } other)
                found.Problems.Add($"group {group.Name} is in evacuation {other.Id}, which is under way");
            if (!found.Infos.TryGetValue(group.Name, out var info)) continue;
            found.Problems.AddRange(Problems(info, request.SourceIsDead).Select(p => $"group {group.Name} {p}"));
            if (info.Source?.Unprotected is { Count: > 0 } left)
                found.Notes.Add($"group {group.Name} leaves {string.Join(", ", left.Select(d => d.Volume))} behind: "
                    + "not protected");
            found.Predicted[group.Name] = await PredictAsync(group.Name, request, faults, ct);
        }
        // Of all groups together, for what one of them takes is not there for the next.
        var fit = await GroupFit.AskAsync(here, selection.Groups, Kind(request), reprotects: false, ct);
        (request.DespiteGaps ? found.Notes : found.Problems).AddRange(fit.Gaps);
        found.Notes.AddRange(fit.Notes);
    }

    private async Task<TimeSpan?> PredictAsync(string group, StartEvacuationRequest request, List<string> faults,
        CancellationToken ct)
    {
        try
        {
            return await runs.PredictAsync(group, new StartRunRequest
            {
                Kind = Kind(request),
                SourceIsDead = request.SourceIsDead,
                Checks = request.Checks,
            }, ct);
        }
        catch (ProblemException e)
        {
            faults.AddRange((e.Errors ?? [e.Message]).Select(f => $"group {group}: {f}"));
            return null;
        }
    }

    // What its run would fail for, or lose more than was agreed.
    private static IEnumerable<string> Problems(GroupInfo group, bool sourceIsDead)
    {
        var why = $"{Shown(group.State)}{(group.Reason is ReasonCode.None ? "" : $" ({Shown(group.Reason)})")}"
            + $"{(group.Detail is { } detail ? $": {detail}" : "")}";
        if (group.ActiveRun is { } run) yield return $"has a run under way: {run}";
        else if (group.State is GroupState.Diverged)
            yield return $"is {why}; `lifeboat group resolve {group.Definition.Name}` chooses a side first";
        else if (sourceIsDead && group.NewestPoint is null) yield return $"has no recovery point here; it is {why}";
        else if (sourceIsDead ? group.State is GroupState.FailedOver or GroupState.Error
            : group.State is not GroupState.Protected) yield return $"is {why}";
    }

    private EvacuationDraft Draft(StartEvacuationRequest request, EvacuationSelection selection,
        IReadOnlyList<(WaveMember Member, int Wave)> waves, Found found, List<string> faults)
    {
        var planned = waves.GroupBy(w => w.Wave).Select(wave =>
        {
            var inOrder = wave.Select(w => Planned(w.Member, found, request.SourceIsDead)).ToList();
            return new PlannedWave(wave.Key, inOrder.All(g => g.Predicted is null) ? null
                : EvacuationWaves.Predicted([.. inOrder.Select(g => g.Predicted)], request.Parallel), inOrder);
        }).ToList();
        TimeSpan? all = planned.All(w => w.Predicted is null) ? null
            : TimeSpan.FromTicks(planned.Sum(w => w.Predicted?.Ticks ?? 0));
        var unmeasured = planned.SelectMany(w => w.Groups).Count(g => g.Predicted is null);
        var plan = new EvacuationPlan(here.Name, selection.From,
            Kind(request), request.Parallel, planned, all, unmeasured,
            [.. faults.Concat(found.Problems).Distinct()], [.. selection.Notes, .. found.Notes]);
        return new EvacuationDraft(plan, [.. waves.Select(w => new Evacuee(w.Member.Group, w.Wave)
        {
            Predicted = found.Predicted.GetValueOrDefault(w.Member.Group),
        })], faults.Count > 0);
    }

    private static PlannedEvacuee Planned(WaveMember member, Found found, bool sourceIsDead)
    {
        var info = found.Infos.GetValueOrDefault(member.Group);
        return new PlannedEvacuee(member.Group, member.Application, info?.State ?? GroupState.Initializing,
            sourceIsDead ? null : info?.Source?.Lag, info?.Exposure, found.Predicted.GetValueOrDefault(member.Group));
    }

    private static RunKind Kind(StartEvacuationRequest request) =>
        request.SourceIsDead ? RunKind.Failover : RunKind.PlannedFailover;

    private static string Shown<T>(T value) where T : struct, Enum =>
        System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    private sealed record Found(IReadOnlyDictionary<string, GroupInfo> Infos)
    {
        public List<string> Problems { get; } = [];
        public List<string> Notes { get; } = [];
        public Dictionary<string, TimeSpan?> Predicted { get; } = new(StringComparer.Ordinal);
    }
}
