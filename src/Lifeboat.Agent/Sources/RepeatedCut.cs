// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Checkpoints;

namespace Lifeboat.Agent.Sources;

/// <summary>
/// A cut for somebody who waits for it. A hold that took too long, or a mirror that could not be seen in time, is a
/// slow moment of the host and no answer: while capture goes on, it is tried again.
/// </summary>
internal sealed class RepeatedCut(TimeProvider time)
{
    /// <summary>From the first try on; the last try begins before.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(250);

    /// <returns>The outcome of the last try.</returns>
    public async Task<CheckpointOutcome> TakeAsync(Func<Task<CheckpointOutcome>> cut, Func<bool> isCapturing,
        CancellationToken ct)
    {
        var since = time.GetTimestamp();
        while (true)
        {
            var outcome = await cut();
            if (outcome.Point is not null || !isCapturing() || time.GetElapsedTime(since) >= Limit) return outcome;
            await Task.Delay(Between, time, ct);
        }
    }
}
