// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas.Checksums;

/// <summary>
/// A run on its way into the base: what it writes and the sums that follow. Kept until the manifest says that it is
/// there, so that what was cut off can be done again, and verified meanwhile.
/// </summary>
internal sealed class FoldCommit(FoldRun run, IReadOnlyList<SumChange> changes)
{
    public FoldRun Run => run;
    public IReadOnlyList<SumChange> AllChanges => changes;

    /// <summary>The sum that a block has when it is done; null: its sector stays as it is.</summary>
    public uint? Changes(ushort volume, long block)
    {
        foreach (var change in changes)
            if (change.Volume == volume && change.SumOf(block) is { } sum) return sum;
        return null;
    }

    /// <summary>
    /// Whether a block that was caught in the middle will be right: with the run's own bytes laid over it, it is what
    /// it is to become. So the bytes that the run does not cover are right now.
    /// </summary>
    public bool Vouches(ushort volume, long block, ReadOnlySpan<byte> content)
    {
        if (Changes(volume, block) is not { } sum) return false;
        Span<byte> become = stackalloc byte[BlockSum.BlockBytes];
        content.CopyTo(become);
        run.LayOver(volume, block * BlockSum.BlockBytes, become[..content.Length]);
        return BlockSum.Of(become[..content.Length]) == sum;
    }
}
