// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent.LibvirtGate;

/// <summary>
/// The calls that QEMU refuses while a disk is captured (decision 0045), and those that begin a stream, at whose end
/// QEMU must not be asked anything (decision 0061). Numbers are those of `remote_protocol.x`,
/// which libvirt only ever adds to.
/// </summary>
internal static class GuardedCalls
{
    private static readonly Dictionary<int, string> Names = new()
    {
        [240] = "blockPull",
        [251] = "blockResize",
        [266] = "blockRebase",
        [290] = "blockCommit",
        [345] = "blockCopy",
    };

    public static string? NameOf(int procedure) => Names.GetValueOrDefault(procedure);
}
