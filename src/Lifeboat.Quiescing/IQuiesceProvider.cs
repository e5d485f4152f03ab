// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Quiescing;

/// <summary>
/// One way to bring one instance to rest and to let it go on: a guest agent, a script, a vendor's API. An object of it
/// is made for each request and may be made again by another process, the watchdog, only to thaw: what a thaw needs is
/// in the target and the call, never in memory. Failures are <see cref="QuiesceProviderException"/>.
/// </summary>
public interface IQuiesceProvider
{
    /// <summary>The most that it brings.</summary>
    Consistency Reaches { get; }

    /// <summary>All that is wrong with the target's settings, each as a sentence; nothing is asked for it.</summary>
    IEnumerable<string> Problems();

    /// <summary>
    /// Returns once the instance is at rest. When it throws, or is cancelled, a thaw follows: whatever it has begun by
    /// then is undone by that.
    /// </summary>
    Task<QuiesceAnswer> QuiesceAsync(QuiesceCall call, CancellationToken ct);

    /// <summary>Lets the instance go on. What is not at rest, or is gone, is left as it is: that succeeds.</summary>
    Task<ThawAnswer> ThawAsync(QuiesceCall call, CancellationToken ct);

    /// <summary>Whether the instance is held at rest now, by whomever.</summary>
    Task<QuiesceState> StateAsync(CancellationToken ct);
}

/// <summary>One request. The same to quiesce and to thaw, so that a provider can find again what it began.</summary>
/// <param name="Id">Of the request; a group's members share it.</param>
/// <param name="Limit">How long the step may take until it is at rest, or until it is thawed.</param>
/// <param name="Deadline">When the dead man thaws, by the clock of the asking host.</param>
public sealed record QuiesceCall(Guid Id, TimeSpan Limit, DateTimeOffset Deadline);

/// <param name="Reached">What the instance's disks are from now until the thaw.</param>
/// <param name="Evidence">How that is known, for people; becomes part of the point. At most 1000 characters are kept.
/// </param>
public sealed record QuiesceAnswer(Consistency Reached, string Evidence);

/// <param name="Held">It was at rest until now. False: it had gone on by itself before, or never was.</param>
public sealed record ThawAnswer(bool Held, string Evidence);

public enum QuiesceState { Thawed = 1, Quiesced = 2, Unknown = 3 }

public enum ProviderFault
{
    /// <summary>There is nobody who could hold anything: the instance or its agent's socket is gone.</summary>
    Gone = 1,
    /// <summary>It cannot be reached now.</summary>
    Unreachable = 2,
    /// <summary>It did not happen in time; whether it will is not known.</summary>
    Timeout = 3,
    /// <summary>It was asked and said no, or failed.</summary>
    Refused = 4,
    /// <summary>The step's settings or its identity are wrong.</summary>
    Misconfigured = 5,
}

/// <summary>The one exception of providers.</summary>
public sealed class QuiesceProviderException(ProviderFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public ProviderFault Fault => fault;
}
