// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Checkpoints;

/// <summary>
/// Brings instances to rest for a checkpoint. Real: the steps of their rules, watched by the watchdog.
/// </summary>
public interface IQuiesceInstances
{
    /// <summary>
    /// Freezes one instance. Its dead-man is armed first: it is thawed once <paramref name="deadline"/> has passed,
    /// whatever becomes of the caller. When this returns what it did not freeze, nothing is left frozen.
    /// </summary>
    /// <param name="deadline">From now; the instance must not stay frozen longer.</param>
    Task<QuiesceOutcome> FreezeAsync(string instance, TimeSpan deadline, CancellationToken ct);

    /// <summary>Thaws and disarms the dead-man. Thawing what is not frozen succeeds.</summary>
    /// <returns>False: it was thawed by its dead-man before, so what was cut meanwhile is not quiesced.</returns>
    /// <exception cref="QuiesceException">It cannot be told whether it is thawed; the dead-man stays armed.</exception>
    Task<bool> ThawAsync(string instance, CancellationToken ct);
}

/// <param name="Reached">What the freeze brought: FileSystem, or Application when its scripts or hooks ran. Crash:
/// nothing is frozen.</param>
/// <param name="Reason">None, or why it is not what was asked for.</param>
public sealed record QuiesceOutcome(Consistency Reached, ReasonCode Reason, string? Detail)
{
    public bool Frozen => Reached > Consistency.Crash;
    /// <summary>How that is known: goes with the point.</summary>
    public string? Evidence { get; init; }
}

public enum QuiesceFault { Unreachable = 1, Refused = 2 }

public sealed class QuiesceException(QuiesceFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public QuiesceFault Fault => fault;
}
