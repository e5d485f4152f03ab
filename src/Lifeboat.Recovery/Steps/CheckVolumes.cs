// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Looks at what was restored as its cloud has it: each volume of the group once, whole, as long as it was, and free to
/// be put into a server. Needs: restored volumes. Changes nothing.
/// </summary>
[Step("check-volumes")]
public sealed record CheckVolumes : IStep
{
    public string Describe() => "check the volumes";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        var there = (await context.Require<IRestoresVolumes>().RestoredAsync(context.Tag, ct))
            .ToLookup(v => v.Restored!.Volume);
        var restored = context.Output<RestoredVolumes>().Volumes;
        var faults = new List<string>();
        foreach (var volume in restored)
        {
            var name = volume.Restored!.Volume;
            if (there[name].Count() != 1) faults.Add($"{name}: {there[name].Count()} volumes are there for it");
            else if (there[name].Single() is { Restored.Whole: false }) faults.Add($"{name}: it is not whole");
            else if (there[name].Single() is { Status: not "available" } busy)
                faults.Add($"{name}: volume {busy.Id} is {busy.Status}");
            else if (there[name].Single().SizeGiB < volume.SizeGiB) faults.Add($"{name}: it is shorter than it was");
        }
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.VerificationFailed,
                $"{faults.Count} of {restored.Count} volumes are not as they should be: {faults[0]}", null, faults);
        return new StepOutcome
        {
            Evidence = [$"{restored.Count} volumes are there, whole, and in no server"],
            Warnings =
            [
                .. group.Volumes.Where(v => !there.Contains(v.Name))
                    .Select(v => $"{v.Name} was put into the group after the point and is not in it"),
            ],
            Verified = true,
        };
    }
}
