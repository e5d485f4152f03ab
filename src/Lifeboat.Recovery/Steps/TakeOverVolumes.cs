// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Promotes the mirrored images of the group here, as they were at the picked point, and makes them volumes of the
/// cloud. Needs: the pin, all of them here whole, quotas. Effect: this side has parted from the other one. Repeated:
/// what is promoted, or a volume already, stays. Not undone: two primary sides are worse than none; taken up again it
/// goes on.
/// </summary>
/// <param name="Lost">The site that is left is presumed lost; else it has demoted them.</param>
[Step("take-over-volumes")]
public sealed record TakeOverVolumes(bool Lost) : IStep
{
    public string Describe() => Lost ? "promote the mirrored volumes, whatever the other site has"
        : "promote the mirrored volumes";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var point = context.Output<PickedPoint>().Point;
        var taken = await context.Require<IRestoresVolumes>().TakeOverAsync(context.Run.Group, point.Id, context.Tag,
            Lost, ct);
        return new StepOutcome
        {
            Evidence =
            [
                .. taken.Select(v => string.Create(CultureInfo.InvariantCulture,
                    $"{v.Restored?.Volume} is volume {v.Name} ({v.Id}), {v.SizeGiB} GiB")),
            ],
            Output = new RestoredVolumes([.. taken], context.Time.GetUtcNow()),
        };
    }
}
