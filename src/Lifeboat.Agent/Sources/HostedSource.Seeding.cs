// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Agent.Sources;

internal sealed partial class HostedSource
{
    private SeedExport? _exporting;

    public SeedProgress? Seeding => Volatile.Read(ref _exporting)?.Progress;

    /// <summary>Writes a seed of the group's disks; given up when the caller goes away or the source ends.</summary>
    public async Task<SeedInfo> ExportSeedAsync(SeedRequest request, CancellationToken ct)
    {
        if (!Path.IsPathFullyQualified(request.Directory) || !Directory.Exists(request.Directory))
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"'{request.Directory}' is no directory of the agent's host");
        var export = new SeedExport(
            Spec, _taps, SiteConfiguration.Read(_parts.Paths.Root).Name, _parts.Time);
        if (Interlocked.CompareExchange(ref _exporting, export, null) is not null)
            throw new ProblemException(ReasonCode.Conflict, $"a seed of {Spec.Group} is being written already");
        // Ends when the caller hangs up (ct) or the source is stopped (_stop).
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, _stop.Token);
        try
        {
            return await export.RunAsync(request.Directory, any.Token);
        }
        finally
        {
            Volatile.Write(ref _exporting, null);
        }
    }
}
