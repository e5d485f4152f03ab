// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent.LibvirtGate;

/// <summary>
/// The calls that QEMU refuses while a disk is captured (decision 0045), those that begin a stream, at whose end
/// QEMU must not be asked anything (decision 0061), and the one that puts overlays on disks, which is not to come
/// between two commands that put a node of ours there (decision 0065). Numbers are those of `remote_protocol.x`, which
/// libvirt only ever adds to.
/// </summary>
internal static class GuardedCalls
{
    private static readonly Dictionary<int, GuardedCall> Calls = new()
    {
        [185] = new("snapshotCreateXML", GuardKind.StandBack),
        [240] = new("blockPull", GuardKind.Release),
        [251] = new("blockResize", GuardKind.Release),
        [266] = new("blockRebase", GuardKind.Release),
        [290] = new("blockCommit", GuardKind.Release),
        [345] = new("blockCopy", GuardKind.Release),
    };

    public static GuardedCall? Of(int procedure) => Calls.GetValueOrDefault(procedure);
}

internal sealed record GuardedCall(string Name, GuardKind Kind);

internal enum GuardKind
{
    /// <summary>The domain's disks are let go of, and its QEMU is asked nothing.</summary>
    Release = 1,
    /// <summary>They stay captured, and the agent changes nothing of what they consist of.</summary>
    StandBack = 2,
}
