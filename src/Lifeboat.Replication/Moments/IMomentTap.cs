// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Moments;

/// <summary>
/// The disks of a group where their writes are not captured one by one: now and then one moment is fixed over all of
/// them, what changed since the last durable one is listed and read from an image of that moment, and enters the stream
/// as one batch with a checkpoint behind it. How it is done is the tap's: dirty bitmaps and copy-before-write of QEMU,
/// or snapshots of a storage and their difference. Every failure is a <see cref="TapException"/>.
/// </summary>
/// <remarks>
/// Nothing here may fail a write of the instances, nor hold one up for longer than a bounded while: it is the image
/// that breaks, never the guest. One caller at a time, but for <see cref="LetGo"/>.
/// </remarks>
public interface IMomentTap : IAsyncDisposable
{
    /// <summary>
    /// Fixes a moment. It lies between the call and its return, is the same over all volumes, and holds every write
    /// that was acknowledged before the call. The changes of a volume are <see cref="GapKind.Known"/> only when every
    /// difference to the replica, as it was when <see cref="IMoment.ForgetAsync"/> last succeeded for it, is in them:
    /// those of moments that were not forgotten are united into it, over restarts of the agent as well. A volume whose
    /// changes nobody knows (new, its instance ended, another replica) is <see cref="GapKind.Allocation"/>, and stays
    /// so until a moment of it is forgotten. What an earlier moment still holds is let go of first.
    /// </summary>
    /// <param name="replica">The replica that the changes must be relative to.</param>
    Task<IMoment> TakeAsync(Guid replica, CancellationToken ct);

    /// <summary>
    /// Whether all instances of the group are shut down, so that nobody writes to its disks until one is started.
    /// Asked each second where moments are taken at that.
    /// </summary>
    /// <returns>
    /// Null: one may run. Else a mark, another one whenever an instance may have written since another mark was given.
    /// </returns>
    Task<string?> RestMarkAsync(CancellationToken ct);

    /// <summary>
    /// Ends reads that are under way: they fail with a <see cref="TapException"/>. Never blocks, called at any time.
    /// </summary>
    void LetGo();

    /// <summary>Leaves no image behind; the changes go on being noted. Detaching a detached tap succeeds.</summary>
    Task DetachAsync(CancellationToken ct);

    /// <summary>As <see cref="DetachAsync"/>, and nothing of ours stays, change maps or snapshots included.</summary>
    Task UninstallAsync(CancellationToken ct);
}

/// <summary>
/// One moment: what changed up to it, and the disks as they were then. One that is never forgotten was given up: its
/// changes are then part of the next one's.
/// </summary>
public interface IMoment
{
    /// <summary>By the tap's clock, never later than the moment: what was acknowledged before is in it.</summary>
    DateTimeOffset At { get; }

    /// <summary>In no order, each volume of the group once.</summary>
    IReadOnlyList<MomentVolume> Volumes { get; }

    /// <summary>The images are needed no more: what they cost the instances ends. Closing twice succeeds.</summary>
    Task CloseAsync(CancellationToken ct);

    /// <summary>
    /// The moment is durable at the recovery site: the next one's changes begin where this one was. Only after
    /// <see cref="CloseAsync"/>.
    /// </summary>
    Task ForgetAsync(CancellationToken ct);
}

/// <param name="Index">Number of the volume in the group's journal.</param>
/// <param name="SizeBytes">At the moment.</param>
/// <param name="Image">
/// The volume as it was at the moment, whatever the instance has written since. An image that broke (no room for what
/// is overwritten, too slow) fails every read from then on.
/// </param>
public sealed record MomentVolume(ushort Index, long SizeBytes, GapMap Changes, IGapReader Image);
