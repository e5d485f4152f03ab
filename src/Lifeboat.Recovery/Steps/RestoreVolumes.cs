// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Recovery.Sides;
using System.Globalization;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Restores the backups of the picked point to new volumes. Needs: the pin, room and quotas in the cloud. Effect: one
/// volume for each backup. Repeated: volumes that are whole are kept, others filled again. Undone: they are removed.
/// </summary>
/// <param name="Copies">A drill's; else they are the group's volumes from now on.</param>
[Step("restore-volumes")]
public sealed record RestoreVolumes(bool Copies) : IUndoableStep
{
    public string Describe() => Copies ? "restore copies of the volumes" : "restore the volumes";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var point = context.Output<PickedPoint>().Point;
        var made = await context.Require<IRestoresVolumes>().RestoreAsync(context.Run.Group, point.Id, context.Tag,
            Copies, done => context.Report(done, null), ct);
        return new StepOutcome
        {
            Evidence =
            [
                .. made.Select(v => string.Create(CultureInfo.InvariantCulture,
                    $"{v.Restored?.Volume} is volume {v.Name} ({v.Id}), {v.SizeGiB} GiB")),
            ],
            Output = new RestoredVolumes([.. made], context.Time.GetUtcNow()),
        };
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Require<IRestoresVolumes>().RemoveRestoredAsync(context.Tag, ct);
}
