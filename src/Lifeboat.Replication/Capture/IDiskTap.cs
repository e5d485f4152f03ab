// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Capture;

/// <summary>
/// A disk of a running instance as capture needs it. Sequence (facts: DESIGN §5): <see cref="AttachAsync"/>, then
/// read the
/// gap through <see cref="IGapReader"/>, then <see cref="ForgetGapAsync"/> when the batch is
/// durable at the recovery site; in the steady state <see cref="RotateAsync"/>. Whatever breaks, the instance goes
/// on and
/// the tap's change map keeps what was not forgotten. Every failure is a <see cref="TapException"/>.
/// </summary>
public interface IDiskTap : IGapReader, IAsyncDisposable
{
    /// <summary>Virtual size in bytes.</summary>
    long SizeBytes { get; }

    /// <summary>
    /// Starts mirroring; writes may reach the sink at once. When it returns, every later guest write reaches
    /// <paramref name="sink"/> before the guest sees its completion, and the change map up to now is frozen. Attaching
    /// an attached tap first lets go. The map is <see cref="GapKind.Known"/> only when every difference to the replica
    /// is in it: after an attach that answered <see cref="GapKind.Allocation"/> each next one answers that again (also
    /// after a restart of the agent) until <see cref="ForgetGapAsync"/> has succeeded. Maps not forgotten are united.
    /// </summary>
    /// <param name="replica">The replica that the change map must be relative to; another one makes it
    /// worthless.</param>
    Task<GapMap> AttachAsync(ICaptureSink sink, Guid replica, CancellationToken ct);

    /// <summary>The frozen gap is durable at the recovery site: drop it.</summary>
    Task ForgetGapAsync(CancellationToken ct);

    /// <summary>
    /// Starts a fresh change map, waits for <paramref name="untilDurable"/> (everything captured so far is durable
    /// at the
    /// recovery site), then drops the old one. When the wait fails, both stay: their union is the gap.
    /// </summary>
    Task RotateAsync(Func<CancellationToken, Task> untilDurable, CancellationToken ct);

    /// <summary>
    /// True only when the mirror of the last attach was intact at some moment after the call began: it must look, not
    /// remember. A checkpoint is confirmed by it, because an instance may acknowledge a write without us as soon as its
    /// mirror fails. Real taps ask for the job; a job error or end that arrives before the answer means no. Called at
    /// any time, also while another call runs. Unsure (monitor silent): a <see cref="TapException"/>.
    /// </summary>
    Task<bool> StillMirroringAsync(CancellationToken ct);

    /// <summary>
    /// True when an instance answers now, mirrored or not; false when nobody is there. When in doubt: true. Asked after
    /// an instance has ended, to hear of one that runs again and writes without us.
    /// </summary>
    Task<bool> InstanceAnswersAsync(CancellationToken ct);

    /// <summary>
    /// Whether the instance has the disk now. After an end as <see cref="TapEnd.Unplugged"/>, Unplugged also means that
    /// nothing was written to it since. Called at any time. A monitor that is busy or silent: a
    /// <see cref="TapException"/>.
    /// </summary>
    Task<DiskPresence> PresenceAsync(CancellationToken ct);

    /// <summary>Stops mirroring; the change map goes on. Detaching a detached tap succeeds.</summary>
    Task DetachAsync(CancellationToken ct);

    /// <summary>Lets go at once without waiting for anybody (closes the connection under the instance). Never
    /// blocks.</summary>
    void LetGo();

    /// <summary>Completes when the mirror has ended, with why. A new one after each attach.</summary>
    Task<TapEnd> Ended { get; }

    /// <summary>Stops mirroring and removes all traces (change maps, exports, nodes) from the instance.</summary>
    Task UninstallAsync(CancellationToken ct);
}

/// <summary>Where captured writes go. Called from any thread; returns only when the write has its place in the
/// order.</summary>
public interface ICaptureSink
{
    /// <returns>False: capture was given up, the caller must fail the request so that the mirror ends; or it has told
    /// this sink that it is lost, and may answer what still comes.</returns>
    bool Write(long offset, ReadOnlySpan<byte> data);
    bool Zero(long offset, long length);

    /// <summary>A place to receive the first bytes of a long write into, at most this many and at least one.</summary>
    Memory<byte> Place(int length) => new byte[length];

    /// <summary>
    /// As <see cref="Write"/>, of a place that was had here and is full; it is not the caller's any more.
    /// </summary>
    bool WritePlaced(long offset, Memory<byte> place) => Write(offset, place.Span);

    /// <summary>
    /// The instance's connection has ended or is about to be ended by us: from here on its writes may be acknowledged
    /// without reaching this sink. Call it before anything lets the instance go on (before closing, before failing a
    /// request, when the end of the connection is seen). Idempotent; afterwards writes return false.
    /// </summary>
    void Lost();
}

public enum GapKind
{
    /// <summary>The map is relative to the replica: exactly these extents differ.</summary>
    Known = 1,
    /// <summary>No usable map (new disk, instance restarted, other replica): allocation is all that can be
    /// listed.</summary>
    Allocation = 2,
}

/// <param name="MarkedBytes">That a known map marks, or more; null: not counted.</param>
/// <param name="StoredBytes">That the disk takes where it lies, about what a copy of it reads; null: not known.</param>
public sealed record GapMap(GapKind Kind, string? BitmapName, long? MarkedBytes = null, long? StoredBytes = null);

/// <param name="Zero">Reads as zeroes; no need to read it.</param>
public readonly record struct GapExtent(long Offset, long Length, bool Zero);

/// <summary>How a mirror ended.</summary>
public enum TapEnd
{
    Detached = 1,
    MirrorFailed = 2,
    /// <summary>
    /// The instance ended while its mirror was intact: everything acknowledged to the guest reached the sink. A tap
    /// that cannot tell (it saw a job error before, or no monitor) says <see cref="MirrorFailed"/>.
    /// </summary>
    InstanceGone = 3,
    LetGo = 4,
    /// <summary>
    /// The disk was taken out of its instance while its mirror was intact: everything acknowledged reached the sink.
    /// The sink was not told that it is lost; the source detaches the tap when it has taken note.
    /// </summary>
    Unplugged = 5,
}

public enum DiskPresence
{
    Plugged = 1,
    Unplugged = 2,
    /// <summary>No instance is there that could have it.</summary>
    NobodyThere = 3,
    /// <summary>It is out, and nobody can say that it was not written to since.</summary>
    Doubtful = 4,
}

public enum TapFault { InstanceGone = 1, MonitorUnreachable = 2, DiskNotFound = 3, Refused = 4, SizeChanged = 5 }

public sealed class TapException(TapFault fault, string message, Exception? cause = null) : Exception(message, cause)
{
    public TapFault Fault => fault;
}
