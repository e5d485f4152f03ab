// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Moves the disks of the running instances out of the view into volumes of the site's own. Needs: a driver that can.
/// Effect: nothing reads from the view any more. Repeated: goes on where it was. Not undone: instances run.
/// </summary>
[Step("move-to-native")]
public sealed record MoveToNative : IStep
{
    public string Describe() => "move the disks to native volumes behind the running instances";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var mover = context.Require<IMovesToNative>();
        var instances = context.Output<StartedInstances>().Instances;
        var evidence = new List<string>();
        foreach (var (index, instance) in instances.Index())
        {
            var whole = new Relay(p => context.Report((index + p) / instances.Count, instance.Name));
            await mover.MoveToNativeAsync(instance.Name, whole, ct);
            evidence.Add($"{instance.Name}: every disk is native");
        }
        return StepOutcome.Saw(evidence);
    }

    // Progress<T> posts to the thread pool, which the simulator does not schedule.
    private sealed class Relay(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
