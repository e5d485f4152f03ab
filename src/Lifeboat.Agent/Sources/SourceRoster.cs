// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Sources;

/// <summary>The groups this agent is the source of, kept on disk over restarts.</summary>
internal sealed partial class SourceRoster(AgentParts parts) : IAsyncDisposable
{
    // Points that were cut and are not sealed go with the source; where the link is well that takes no time.
    private static readonly TimeSpan HandOverDrain = TimeSpan.FromSeconds(2);

    private readonly SpecFiles<SourceSpec> _files = new(Path.Combine(parts.Paths.AgentState, "sources"));
    private readonly ConcurrentDictionary<string, HostedSource> _sources = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changing = new(1, 1);
    private readonly ILogger _logger = parts.Logs.CreateLogger<SourceRoster>();

    public IReadOnlyList<string> Groups => [.. _sources.Keys.Order(StringComparer.Ordinal)];

    public async Task RestoreAsync(CancellationToken ct)
    {
        foreach (var spec in await _files.LoadAsync(ct))
            _sources[spec.Group] = await HostedSource.StartAsync(spec, parts, arrives: false, ct);
        LogRestored(_sources.Count);
    }

    public IReadOnlyList<HostedSource> All() => [.. _sources.Values];

    /// <summary>Also of groups whose source has ended: what it counted last is still to be heard of.</summary>
    public IReadOnlyList<GroupTotals> Totals() =>
    [
        .. SourceMeter.All(HostedSource.MeterFolder(parts)).Select(t => _sources.TryGetValue(t.Group, out var source)
            ? t with { Totals = source.Totals() } : t),
    ];

    /// <exception cref="ProblemException">GroupUnknown.</exception>
    public HostedSource Get(string group) => _sources.TryGetValue(group, out var source)
        ? source
        : throw new ProblemException(ReasonCode.GroupUnknown, $"this agent is not the source of a group '{group}'");

    public async Task<SourceStatus> PutAsync(SourceSpec spec, CancellationToken ct)
    {
        SourceChecks.Form(spec);
        await _changing.WaitAsync(ct);
        try
        {
            return await PutInTurnAsync(spec, arrives: false, ct);
        }
        finally
        {
            _changing.Release();
        }
    }

    private async Task<SourceStatus> PutInTurnAsync(SourceSpec spec, bool arrives, CancellationToken ct)
    {
        if (_sources.TryGetValue(spec.Group, out var present))
        {
            if (SpecFiles<SourceSpec>.AreSame(present.Spec, spec) && !present.HasFailed) return present.Status();
            // A volume that has grown since is known by its present size, which is no other source.
            spec = present.WithSizesOf(spec);
            if (spec.Policy.CanFollow(present.Spec.Policy) && !present.HasFailed && SpecFiles<SourceSpec>.AreSame(
                present.Spec with { Policy = spec.Policy, Suspension = spec.Suspension }, spec))
            {
                await _files.SaveAsync(spec.Group, spec, ct);
                present.Apply(spec.Policy);
                present.Suspend(spec);
                return present.Status();
            }
            if (spec.Epoch < present.Spec.Epoch)
                throw new ProblemException(ReasonCode.StaleEpoch,
                    $"group {spec.Group} is in epoch {present.Spec.Epoch} here, the request says {spec.Epoch}");
            if (spec.Epoch == present.Spec.Epoch && spec.Moves < present.Spec.Moves)
                throw new ProblemException(ReasonCode.Migrated, $"the source of {spec.Group} was moved "
                    + $"{present.Spec.Moves} times here, the request says {spec.Moves}");
        }
        await SourceChecks.MonitorsAsync(spec, parts.Monitors, ct);
        await _files.SaveAsync(spec.Group, spec, ct);
        // From here on it is kept: what follows is done again at the next start if we end in between.
        if (present is not null)
        {
            await present.StopAsync(uninstall: false, ct);
            await present.DisposeAsync();
        }
        var source = await HostedSource.StartAsync(spec, parts, arrives, ct);
        _sources[spec.Group] = source;
        return source.Status();
    }

    public async Task DeleteAsync(string group, bool uninstall, CancellationToken ct)
    {
        await _changing.WaitAsync(ct);
        try
        {
            if (!_sources.TryGetValue(group, out var source)) return;
            var problems = await source.StopAsync(uninstall, ct);
            // Kept when something of ours is left in an instance, so that the request can be repeated.
            if (uninstall && problems.Count > 0)
                throw new ProblemException(ReasonCode.MonitorUnreachable,
                    $"capture of group {group} has stopped, but traces are left in its instances",
                    "Repeat the request when their monitors answer.", problems);
            await source.DisposeAsync();
            if (uninstall) DeleteFolders(group);
            await _files.DeleteAsync(group, ct);
            _sources.TryRemove(group, out _);
            LogRemoved(group);
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>
    /// Lets go of the disks for another agent. What an earlier, cut off request has given up already is given again.
    /// </summary>
    public async Task<HandOver> HandOverAsync(string group, CancellationToken ct)
    {
        if (_sources.TryGetValue(group, out var leaving)) await leaving.TryDrainAsync(HandOverDrain, ct);
        await DeleteAsync(group, uninstall: false, ct);
        return new HandOver(await HostedSource.ReadBasisAsync(parts, group, ct));
    }

    /// <summary>Begins in the place of another agent, with what that one knew of the change maps.</summary>
    public async Task<SourceStatus> TakeOverAsync(TakeOver request, CancellationToken ct)
    {
        var spec = request.Spec;
        SourceChecks.Form(spec);
        await _changing.WaitAsync(ct);
        try
        {
            var known = _sources.TryGetValue(spec.Group, out var present) && present.Spec.Epoch == spec.Epoch
                && present.Spec.Moves >= spec.Moves;
            // What is left of an earlier stint here says nothing of the maps as they are now.
            if (!known) await HostedSource.WriteBasisAsync(parts, spec.Group, request.MapBasis, ct);
            return await PutInTurnAsync(spec, arrives: !known, ct);
        }
        finally
        {
            _changing.Release();
        }
    }

    private void DeleteFolders(string group)
    {
        foreach (var folder in new[] { HostedSource.LogFolder(parts, group), HostedSource.MapsFolder(parts, group),
            HostedSource.OverlayFolder(parts, group) })
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_sources.Values.Select(s => s.DisposeAsync().AsTask()));
        _changing.Dispose();
    }

    [LoggerMessage(EventIds.SourcesRestored, LogLevel.Information, "Went on with {Count} sources")]
    private partial void LogRestored(int count);

    [LoggerMessage(EventIds.SourceRemoved, LogLevel.Information, "Removed the source of {Group}")]
    private partial void LogRemoved(string group);
}
