// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// An operator who wants one move: asks for the run, asks again under the same key when the controller died, takes up
/// what failed and begins anew what was rolled back.
/// </summary>
internal sealed class Moving(SimulatedHost at, RunKind kind, string key, Resolution? resolution = null,
    Guid? point = null)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private int _tries;

    public Run? Done { get; private set; }
    public string Last { get; private set; } = "never asked";

    public async Task DriveAsync(SimulatedProcess director, SimulatedWorld world)
    {
        while (Done is null && world.Violation is null)
        {
            await director.Clock.DelayAsync(Pause / world.Climate.Pace);
            if (at.Controller is not { Process.Alive: true } controller) continue;
            try
            {
                var run = await controller.RunAsync(kind, $"{key}-{_tries}",
                    kind is RunKind.Resolve ? resolution : null, point);
                world.Say("operator", $"{kind}: {run.State} {run.Reason} {run.Detail}");
                world.Count($"runs {kind} {run.State}");
                Conclude(run);
                if (run.State is RunState.Failed && Done is null) await RetryAsync(controller, run);
            }
            catch (ProcessDiedException e)
            {
                Last = e.Message;
            }
            catch (ProblemException e)
            {
                Last = $"{e.Reason}: {e.Message} {e.Detail}";
            }
        }
    }

    private async Task RetryAsync(SimulatedController controller, Run run)
    {
        if (kind is RunKind.TestFailover || run.Steps.Any(s => s.State is StepState.Undone))
        {
            _tries++;
            // The way home is done and only its last part was taken back: what is left is to protect again.
            if (kind is RunKind.Failback && at.Group?.PrimarySite == at.Name) kind = RunKind.Reprotect;
            // The choice is made, its last part was taken back: the winner is to be protected again.
            if (kind is RunKind.Resolve && at.Group is { Fork.Loser: not null } chosen)
            {
                kind = RunKind.Reprotect;
                if (chosen.PrimarySite != at.Name) at = at.Peer;
            }
            return;
        }
        Conclude(await controller.RetryAsync(run.Id));
    }

    private void Conclude(Run run)
    {
        Last = $"{run.State} {run.Reason} {run.Detail}";
        if (run.State is RunState.Succeeded or RunState.SucceededWithWarnings) Done = run;
        else if (run.State is RunState.RolledBack or RunState.Cancelled) _tries++;
    }
}
