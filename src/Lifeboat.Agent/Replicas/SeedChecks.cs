// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Agent.Sources;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Replication.Resync;
using Lifeboat.Volumes.Files.Seeds;

namespace Lifeboat.Agent.Replicas;

/// <summary>Verifies seeds that were carried here.</summary>
internal sealed class SeedChecks(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, SeedProgress> _running = new(StringComparer.Ordinal);

    public SeedProgress? Progress(string group) => _running.GetValueOrDefault(group);

    /// <exception cref="ProblemException">InvalidRequest, with all that is wrong with it.</exception>
    public async Task<SeedInfo> VerifyAsync(string group, SeedRequest request, CancellationToken ct)
    {
        var problems = new List<string>();
        if (SeedDirectory.Find(request.Directory) is not { } seed)
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"'{request.Directory}' is not a seed, nor has it one seed in it");
        var since = time.GetUtcNow();
        try
        {
            var done = 0L;
            var pace = new Pace(time);
            // Blocking reads of a whole medium: not on a thread that others wait for.
            var manifest = await Task.Run(() => SeedDirectory.Verify(seed, problems, (m, bytes) =>
            {
                pace.Note(done += bytes);
                _running[group] = new SeedProgress(SeedWork.Verifying, since, done, m.FileBytes,
                    Pace.For(m.FileBytes - done, pace.PerSecond(done)));
            }, ct), ct);
            return manifest is not null
                ? SeedExport.InfoOf(manifest, seed)
                : throw new ProblemException(ReasonCode.InvalidRequest,
                    $"the seed {seed} is damaged; nothing of it was used", null, problems);
        }
        finally
        {
            _running.TryRemove(group, out _);
        }
    }
}
