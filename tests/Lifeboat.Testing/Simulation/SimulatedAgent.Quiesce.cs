// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Policies;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Shipping;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Testing.Simulation;

// Quiesced points by policy, as the shipped agent makes them.
public sealed partial class SimulatedAgent
{
    /// <summary>The most that a guest is frozen.</summary>
    internal static readonly TimeSpan FreezeMax = TimeSpan.FromSeconds(1);

    private async Task QuiesceAsync(GroupSource source)
    {
        var dice = _prng.Fork();
        var quiesced = new QuiescedCheckpoint(new SimulatedQuiesce(_host, Process, dice), Process.Clock,
            NullLogger<QuiescedCheckpoint>.Instance);
        while (source == _source)
        {
            await Process.Clock.DelayAsync(TimeSpan.FromMilliseconds(dice.Next(300, 4000)));
            if (source != _source) return;
            var limit = FreezeMax * (0.1 + 0.9 * dice.NextDouble());
            var member = new QuiesceMember(SimulatedHost.InstanceName,
                dice.Pick<QuiesceFailure>([QuiesceFailure.Strict, QuiesceFailure.Degrade]));
            var outcome = await quiesced.TakeAsync([member], limit, TimeSpan.Zero,
                (reached, note, confirm, ct) => source.CheckpointAsync(reached, "quiesced", note, confirm, ct),
                default);
            _world.Count(outcome.Checkpoint.Point is { } point
                ? $"quiesced points {point.Consistency}" : "quiesced points failed");
        }
    }
}
