// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Opens ways into the bubble for people: TCP to single ports of single copies, nothing out. Needs: the copies run.
/// Effect: addresses that lead to them until the bubble is deleted. Repeated: the same ones. Undone with the bubble.
/// </summary>
[Step("open-ways")]
public sealed record OpenWays(IReadOnlyList<string> Ways, TimeSpan For) : IStep
{
    public string Describe() => $"open {Ways.Count} way(s) into the isolated networks";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var bubbles = context.Require<IMakesBubbles>();
        var until = context.Output<StartedInstances>().Instances.Max(i => i.StartedAt) + For;
        var evidence = new List<string>();
        foreach (var way in Ways.Select(w => DrillWay.Parse(w).Way!))
        {
            var address = await bubbles.OpenWayInAsync(context.Tag,
                StartInstances.CopyName(context.Tag, way.Instance), way.Port, way.From, ct);
            evidence.Add($"{way.Instance}:{way.Port} is reached at {address} from {way.From}, until {until:u}");
        }
        return StepOutcome.Saw([.. evidence]);
    }
}
