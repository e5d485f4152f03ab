// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli;

/// <summary>Follows an evacuation on stderr, a line a change; a controller that restarts meanwhile is waited
/// for.</summary>
internal static class EvacuationProgress
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async Task<EvacuationInfo> FollowAsync(EvacuationInfo evacuation, CommandSession session,
        CancellationToken ct)
    {
        var told = new HashSet<string>(StringComparer.Ordinal);
        var seen = session.Time.GetTimestamp();
        while (true)
        {
            Tell(evacuation, told, session.Output);
            if (evacuation.Finished) return evacuation;
            await Task.Delay(Every, session.Time, ct);
            try
            {
                evacuation = await session.Controller.EvacuationAsync(evacuation.Id, ct);
                seen = session.Time.GetTimestamp();
            }
            catch (Exception e) when (IsAway(e) && session.Time.GetElapsedTime(seen) < Patience)
            {
                // Asked again in a second.
            }
        }
    }

    private static bool IsAway(Exception e) => e is HttpRequestException or IOException
        or ProblemException { Reason: ReasonCode.ControllerUnreachable or ReasonCode.DatabaseUnavailable };

    private static void Tell(EvacuationInfo evacuation, HashSet<string> told, CommandOutput output)
    {
        foreach (var g in evacuation.Groups.Where(g => g.State is not (EvacueeState.Waiting or EvacueeState.Starting)
            || g.Reason is not ReasonCode.None))
        {
            var why = g.Reason is ReasonCode.None ? ""
                : $" ({Show.Name(g.Reason)}{(g.Detail is { } d ? $": {d}" : "")})";
            var took = g.Took is { } span && g.State is EvacueeState.Moved or EvacueeState.Failed
                ? $" ({Show.Span(g.Took!.Value)})" : "";
            if (told.Add($"{g.Group} {g.State} {g.Reason}"))
                output.Talk($"  wave {g.Wave} {Show.Name(g.State),-16} {g.Group}{took}{why}"
                    + (g.State is EvacueeState.WaitingApproval ? $": lifeboat run approve {g.Run}" : ""));
        }
        if (!told.Add($"{evacuation.State} {evacuation.Wave}")) return;
        if (evacuation.State is EvacuationState.Holding)
            output.Talk($"  wave {evacuation.Wave} has ended, the next one waits: "
                + $"lifeboat evacuation continue {evacuation.Id}");
        else if (evacuation.State is EvacuationState.Paused or EvacuationState.Cancelling)
            output.Talk($"  {Show.Name(evacuation.State)}");
    }
}
