// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Opens the picked point as NBD exports. Needs: the pin. Effect: one view. Repeated: the same view by its name.
/// Undone: closed.
/// </summary>
[Step("open-view")]
public sealed record OpenView(bool Writable) : IUndoableStep
{
    public string Describe() => $"open the point as a {(Writable ? "copy-on-write" : "read-only")} view";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var point = context.Output<PickedPoint>().Point;
        var view = await context.Here.OpenViewAsync(context.Run.Group,
            new ViewRequest(context.Tag, point.Id, null, Writable), ct);
        return StepOutcome.Saw($"{view.Volumes.Count} volumes at sequence {view.Sequence}") with
        {
            Output = new OpenedView(view),
        };
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Here.CloseViewAsync(context.Run.Group, context.Tag, ct);
}
