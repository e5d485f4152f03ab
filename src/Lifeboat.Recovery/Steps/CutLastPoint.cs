// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Cuts the last point of a site whose volumes are mirrored: with it they are demoted, so that nothing can be written
/// after it (I3); and waits until it is here. Needs: no server that runs has them. Repeated: the same point. Undone:
/// the site makes them primary again, unless the group has left it.
/// </summary>
[Step("cut-last-point")]
public sealed record CutLastPoint(string Site, TimeSpan Limit) : IUndoableStep
{
    public string Describe() => $"cut the last point of {Site} and wait until it is here";

    public Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct) =>
        new CutCleanPoint(Site, Limit).RunAsync(context, ct);

    public async Task UndoAsync(StepContext context, CancellationToken ct)
    {
        if ((await context.GroupAsync(ct)).PrimarySite == Site)
            await context.Side(Site).StartSourceAsync(context.Run.Group, ct);
    }
}
