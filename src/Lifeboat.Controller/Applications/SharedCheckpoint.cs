// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Controller.Applications;

// One cut over groups of any number of agents, without clocks:
//
//   RESERVE one agent after the other ──► HOLD all ──► all hold ──► CUT all ──► every mirror intact ──► SETTLE: counts
//        │                                  │                         │ one did not                       ▲
//        └──────────────────────────────────┴─────────────────────────┴──► SETTLE: withdrawn ─────────────┘ in all
//
// Nobody waits for a slow agent: a hold older than its limit makes that agent's cut fail, and the point with it.
internal sealed class SharedCheckpoint(TimeProvider time)
{
    private static readonly TimeSpan SettleLimit = SharedCutRequest.Lifetime;

    /// <exception cref="ProblemException">No point was made in any group, or not in all: it does not count.</exception>
    public async Task<SharedPointResult> TakeAsync(
        IReadOnlyList<ICutMember> members, string? label, TimeSpan sealLimit, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var id = Guid.CreateVersion7(now);
        var reserved = new List<ICutMember>();
        var parts = new List<SharedCutPart>();
        var agreed = false;
        try
        {
            foreach (var member in members)
            {
                reserved.Add(member); // before the call: whatever comes of it, it is settled
                await member.ReserveAsync(new SharedCutRequest(id, member.Groups, now, label), ct);
            }
            // Guests wait in there: one thread for it, which nobody else's work delays.
            await UrgentThread.RunAsync("shared-cut", () => HoldAndCut(members, id));
            foreach (var result in await Task.WhenAll(members.Select(m => m.ResultAsync(id, ct))))
            {
                parts.AddRange(result.Parts);
                if (!result.Agreed) throw NotCut(result);
            }
            agreed = true;
        }
        finally
        {
            await SettleAsync(reserved, id, agreed);
        }
        var point = new SharedPoint(id, now, label, parts.ToDictionary(p => p.Group, p => p.Point!));
        var sealedIn = await Task.WhenAll(members.Select(m => m.WaitSealedAsync(id, sealLimit, ct)));
        var all = sealedIn.All(s => s);
        return new SharedPointResult(all ? Sealed(point) : point, all, parts.Max(p => p.Held));
    }

    private static void HoldAndCut(IReadOnlyList<ICutMember> members, Guid id)
    {
        foreach (var verb in (ReadOnlySpan<CutVerb>)[CutVerb.Hold, CutVerb.Cut])
        {
            foreach (var member in members) member.Ask(verb, id);
            foreach (var member in members) member.Answer();
        }
    }

    // Not with the caller's token: who hangs up must not leave a point that counts in some groups only.
    private async Task SettleAsync(List<ICutMember> members, Guid id, bool agreed)
    {
        using var limit = new CancellationTokenSource(SettleLimit, time);
        try
        {
            await Task.WhenAll(members.Select(m => m.SettleAsync(id, agreed, limit.Token)));
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            if (agreed) throw Unsettled("an agent did not answer in time");
        }
        catch (ProblemException e) when (agreed)
        {
            throw Unsettled(e.Message);
        }
        catch (ProblemException)
        {
            // The caller hears why there is no point; an agent that did not hear of it withdraws by itself.
        }
    }

    private static SharedPoint Sealed(SharedPoint point) => point with
    {
        Points = point.Points.ToDictionary(p => p.Key, p => p.Value with { State = PointState.Sealed }),
    };

    private static ProblemException NotCut(SharedCutResult result)
    {
        var faults = result.Parts.Where(p => p.Point is null)
            .Select(p => $"{p.Group}: {p.Reason} {p.Detail}").ToList();
        var reason = result.Parts.FirstOrDefault(p => p.Point is null)?.Reason ?? ReasonCode.CaptureLost;
        if (faults.Count == 0) faults.Add("a mirror could not be seen intact after the cut");
        return new ProblemException(reason, "no shared point could be cut", string.Join("; ", faults));
    }

    private static ProblemException Unsettled(string why) => new(ReasonCode.Timeout,
        "the shared point is not in every group, so it does not count", why);
}
