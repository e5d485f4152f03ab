// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Evacuations;

/// <summary>Where evacuations live. Whatever a method returned from is durable.</summary>
public interface IEvacuationStore
{
    /// <summary>Keeps a new one, unless one of its groups is in another that is under way.</summary>
    /// <returns>Null when it was kept; else one that is in the way, and nothing was kept.</returns>
    Task<Evacuation?> TryAddAsync(Evacuation evacuation, CancellationToken ct);
    /// <summary>Keeps how far it is, in place of the revision before.</summary>
    /// <returns>False: somebody else was faster, and nothing was kept: read it anew.</returns>
    Task<bool> TrySaveAsync(Evacuation next, CancellationToken ct);
    Task<Evacuation?> FindAsync(Guid id, CancellationToken ct);
    Task<Evacuation?> FindByKeyAsync(string idempotencyKey, CancellationToken ct);
    Task<IReadOnlyList<Evacuation>> UnfinishedAsync(CancellationToken ct);
}
