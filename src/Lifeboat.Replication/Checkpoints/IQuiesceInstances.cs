// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Checkpoints;

/// <summary>
/// Brings instances to rest for a checkpoint. Real: qemu-ga freeze and thaw, watched by the watchdog.
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

/// <param name="Reached">What the freeze brought: FileSystem, or Application when the guest ran its hooks.</param>
/// <param name="Reason">None, or why it was not frozen.</param>
public sealed record QuiesceOutcome(Consistency Reached, ReasonCode Reason, string? Detail)
{
    public bool Frozen => Reason == ReasonCode.None;
}

public enum QuiesceFault { Unreachable = 1, Refused = 2 }

public sealed class QuiesceException(QuiesceFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public QuiesceFault Fault => fault;
}
