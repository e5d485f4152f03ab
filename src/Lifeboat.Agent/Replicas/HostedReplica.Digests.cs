// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Agent.Replicas;

internal sealed partial class HostedReplica
{
    private const string DigestView = "digest-";

    /// <summary>Reads all of a point; given up when the caller goes away.</summary>
    /// <exception cref="ReplicaException">Damaged, and whatever else opening a view may refuse.</exception>
    public async Task<GroupDigest> DigestAsync(Guid pointId, CancellationToken ct)
    {
        var (sequence, point) = Resolve(new ViewRequest(DigestView, pointId, null, false));
        var name = $"{DigestView}{Guid.NewGuid():N}";
        // Ends when the caller hangs up (ct) or the replica is closed (_stop).
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, _stop.Token);
        var view = await _replica.OpenViewAsync(name, sequence, writable: false, any.Token);
        try
        {
            var volumes = new List<VolumeDigest>();
            var chunk = new byte[DigestTree.ChunkBytes];
            // As long as they were then: a volume may have grown since, or have been added.
            foreach (var volume in Spec.Volumes.OrderBy(v => v.Index).Where(v => view.Sizes.ContainsKey(v.Index)))
            {
                var (tree, size) = (new DigestTree(), view.Sizes[volume.Index]);
                for (var at = 0L; at < size; at += chunk.Length)
                {
                    any.Token.ThrowIfCancellationRequested();
                    var part = chunk.AsMemory(0, (int)Math.Min(chunk.Length, size - at));
                    await view.ReadAsync(volume.Index, at, part, any.Token);
                    tree.Add(part.Span);
                }
                volumes.Add(new VolumeDigest(volume.Index, volume.Name, size, tree.Finish()));
            }
            return GroupDigest.Of(point, sequence, volumes);
        }
        finally
        {
            await _replica.CloseViewAsync(name, CancellationToken.None);
        }
    }

    // Of an agent that ended in the middle: nobody else would let go of what they hold.
    private async Task DropDigestViewsAsync(CancellationToken ct)
    {
        foreach (var name in _replica.Views.Where(v => v.StartsWith(DigestView, StringComparison.Ordinal)))
            await _replica.CloseViewAsync(name, ct);
    }
}
