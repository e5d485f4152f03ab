// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Lets go of the disks at a site and leaves no change map in them. Repeated: stopping what is stopped succeeds.
/// Undone: the site becomes the source again, in the epoch the group has by then.
/// </summary>
[Step("stop-source")]
public sealed record StopSource(string Site) : IUndoableStep
{
    public string Describe() => $"stop capture at {Site}";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Side(Site).StopSourceAsync(context.Run.Group, ct);
        return StepOutcome.Saw($"{Site} has let go of the disks");
    }

    public async Task UndoAsync(StepContext context, CancellationToken ct)
    {
        // Of a reprotect: the site was no source before, so there is nothing to start again.
        if ((await context.GroupAsync(ct)).PrimarySite == Site)
            await context.Side(Site).StartSourceAsync(context.Run.Group, ct);
    }
}
