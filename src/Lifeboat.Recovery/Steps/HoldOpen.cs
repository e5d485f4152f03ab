// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Leaves a drill running for people to look at, until the time is over or someone releases it. Changes nothing.
/// Repeated after a restart: the time goes on from when the copies were started.
/// </summary>
[Step("hold-open")]
public sealed record HoldOpen(TimeSpan For) : IStep
{
    public string Describe() => $"hold the drill open for {For} or until released";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var begun = context.Run.Find<RestoredVolumes>()?.At
            ?? context.Output<StartedInstances>().Instances.Max(i => i.StartedAt);
        var left = begun + For - context.Time.GetUtcNow();
        if (left <= TimeSpan.Zero) return StepOutcome.Saw($"the time of {For} was over");
        // Ends when the controller stops or the run is cancelled (ct), or is released, which is no failure.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, context.Released);
        try
        {
            await Task.Delay(left, context.Time, either.Token);
            return StepOutcome.Saw($"the time of {For} was over");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return StepOutcome.Saw("released");
        }
    }
}
