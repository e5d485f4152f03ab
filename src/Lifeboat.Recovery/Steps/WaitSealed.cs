// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Waits until the first point of the new epoch is sealed at the recovery site: the group is protected again.
/// Needs: source and replica. Changes nothing. It waits as long as the sync makes sense, for that may take days.
/// </summary>
[Step("wait-sealed")]
public sealed record WaitSealed(string Primary, string Recovery, Epoch Epoch) : IStep
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    public string Describe() => $"wait for the first sealed point at {Recovery} in epoch {Epoch}";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        while (true)
        {
            var source = await context.Side(Primary).SourceAsync(context.Run.Group, ct);
            if (source?.LastSealed is { } point && point.Epoch >= Epoch) return Sealed(context, source);
            if (source is not null && Hopeless(source.Reason))
                throw new ProblemException(source.Reason, $"the sync cannot go on: {source.Reason}", source.Detail);
            context.Report(source?.ResyncProgress, source?.Phase.ToString());
            await Task.Delay(Look, context.Time, ct);
        }
    }

    private StepOutcome Sealed(StepContext context, SourceStatus source)
    {
        var done = new DoneResync(Primary, Recovery, source.LastResync, source.ResyncMovedBytes,
            source.ResyncExaminedBytes);
        var earlier = context.Run.Find<Resyncs>()?.Done ?? [];
        return StepOutcome.Saw(
            $"point {source.LastSealed!.Id} is sealed at sequence {source.LastSealed.Sequence}",
            $"{Words.Of(done.Kind)}: {done.MovedBytes} bytes moved of {done.ExaminedBytes} examined") with
        {
            Output = new Resyncs([.. earlier, done]),
        };
    }

    private static bool Hopeless(ReasonCode reason) => reason is ReasonCode.StaleEpoch or ReasonCode.PrimaryMoved
        or ReasonCode.TargetTooSmall or ReasonCode.TargetFull or ReasonCode.CertificateRefused
        or ReasonCode.VolumeUnknown;
}
