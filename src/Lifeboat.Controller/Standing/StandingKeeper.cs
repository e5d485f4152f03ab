// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery;
using Lifeboat.Recovery.Runs;
using Lifeboat.Sites;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Standing;

// Keeps the standing volumes of groups that are recovered to this site near their newest points: one volume at a time,
// at the controller that holds the group's lease, and not while a run moves the group. Nothing is written down: what a
// volume holds is said by the site.
internal sealed partial class StandingKeeper(ISite site, LocalSide here, GroupStore groups, IRunStore runs,
    ILeases leases, StandingBook book, TimeProvider time, ILogger<StandingKeeper> logger) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, long> _begun = new(StringComparer.Ordinal);
    private long? _swept;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (site is not IKeepsStandingVolumes keeps) return;
        using var timer = new PeriodicTimer(Look, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync(keeps, stoppingToken);
            }
            catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
            {
                // The runs say so (RunHost); volumes stay as they are until the next look.
            }
            // The top of a loop: what left here would end the controller.
            catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                LogLookFailed(e);
            }
        }
    }

    private async Task LookAsync(IKeepsStandingVolumes keeps, CancellationToken ct)
    {
        var wanted = groups.All().Where(r => !r.Removed && IsWanted(keeps, r.Definition)).Select(r => r.Definition)
            .ToList();
        if (IsSweepDue(keeps)) await SweepAsync(keeps, ct);
        foreach (var group in wanted)
        {
            if (leases.Hold(LeaseName.Group(group.Name)) is not { } tenure)
            {
                book.Forget(group.Name);
                continue;
            }
            if (!IsDue(group.Name, keeps.StandingRules!.Every) || await IsMovedAsync(group.Name, ct)) continue;
            _begun[group.Name] = time.GetTimestamp();
            await RoundAsync(keeps, group, tenure, ct);
        }
    }

    private async Task RoundAsync(IKeepsStandingVolumes keeps, GroupDefinition group, Tenure tenure,
        CancellationToken ct)
    {
        // Ends with the controller (ct), or when another controller works on the group (tenure): neither is a failure.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, tenure.Over);
        try
        {
            await new StandingRound(keeps, here, group, tenure, book, time).RunAsync(either.Token);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested || !tenure.Holds)
        {
            if (!ct.IsCancellationRequested) book.Forget(group.Name);
        }
        catch (ProblemException e)
        {
            Say(group.Name, e.Reason, e.Message);
        }
        catch (SiteException e)
        {
            Say(group.Name, SiteProblem.ReasonOf(e.Fault), e.Message);
        }
    }

    // The next round may succeed; the same words again are not said again.
    private void Say(string group, ReasonCode reason, string message)
    {
        var said = book.Of(group)?.Detail == message;
        book.Failed(group, reason, message);
        if (!said) LogRoundFailed(group, reason, message);
    }

    private bool IsWanted(IKeepsStandingVolumes keeps, GroupDefinition group) =>
        keeps.StandingRules is { } rules && group.RecoverySite == here.Name
        && (rules.Groups.Count == 0 || rules.Groups.Contains(group.Name));

    private bool IsDue(string group, TimeSpan every) =>
        !_begun.TryGetValue(group, out var last) || time.GetElapsedTime(last) >= every;

    // A drill takes clones and leaves the volumes where they are; one that waits to be approved has changed nothing.
    private async Task<bool> IsMovedAsync(string group, CancellationToken ct) =>
        (await runs.UnfinishedAsync(ct)).Any(r => r.Group == group && r.Kind is not RunKind.TestFailover
            && r.State is not RunState.WaitingApproval);

    // Where none are wanted it is looked once whether some are left from when they were.
    private bool IsSweepDue(IKeepsStandingVolumes keeps)
    {
        if (_swept is { } last && (keeps.StandingRules is null || time.GetElapsedTime(last) < SweepEvery)) return false;
        _swept = time.GetTimestamp();
        return true;
    }

    // Volumes of groups that are not recovered here any more, or were deleted, or given up a disk. Of a group that this
    // site never heard of they are somebody else's.
    private async Task SweepAsync(IKeepsStandingVolumes keeps, CancellationToken ct)
    {
        IReadOnlyList<StandingVolume> all;
        try
        {
            all = await keeps.StandingAsync(ct);
        }
        catch (SiteException)
        {
            // Whoever needs the cloud says so; what is too much stays until the next sweep.
            _swept = keeps.StandingRules is null ? null : _swept;
            return;
        }
        foreach (var volumes in all.GroupBy(v => v.Group, StringComparer.Ordinal))
            if (groups.Find(volumes.Key) is { } record && leases.Hold(LeaseName.Group(volumes.Key)) is { } tenure)
                await SweepAsync(keeps, record, [.. volumes], tenure, ct);
    }

    private async Task SweepAsync(IKeepsStandingVolumes keeps, GroupRecord record,
        IReadOnlyList<StandingVolume> volumes, Tenure tenure, CancellationToken ct)
    {
        var group = record.Definition;
        var kept = !record.Removed && IsWanted(keeps, group);
        var surplus = volumes.Where(v => !kept || group.Volumes.All(g => g.Name != v.Volume)).ToList();
        if (surplus.Count == 0 || await IsMovedAsync(group.Name, ct)) return;
        try
        {
            foreach (var volume in surplus)
            {
                tenure.ThrowIfOver();
                await keeps.RemoveStandingAsync(volume, ct);
                book.Gone(group.Name, volume.Volume);
                LogRemoved(group.Name, volume.Volume, volume.Id);
            }
            if (kept) return;
            book.Forget(group.Name);
            if (!record.Removed) await StandingRound.LetGoAsync(here, group.Name, ct);
        }
        catch (OperationCanceledException) when (!tenure.Holds)
        {
            // Another controller does it.
        }
        catch (Exception e) when (e is SiteException or ProblemException)
        {
            LogNotRemoved(group.Name, e.Message);
        }
    }

    [LoggerMessage(EventIds.StandingRoundFailed, LogLevel.Warning,
        "Standing volumes of {Group} were not brought on: {Reason}: {Message}")]
    private partial void LogRoundFailed(string group, ReasonCode reason, string message);

    [LoggerMessage(EventIds.StandingLookFailed, LogLevel.Error, "Standing volumes could not be looked at")]
    private partial void LogLookFailed(Exception cause);

    [LoggerMessage(EventIds.StandingRemoved, LogLevel.Information,
        "Removed the standing volume of {Volume} of group {Group} ({Id}): it is not to have one any more")]
    private partial void LogRemoved(string group, string volume, string id);

    [LoggerMessage(EventIds.StandingNotRemoved, LogLevel.Warning,
        "A standing volume of group {Group}, which is to have none, could not be removed: {Message}")]
    private partial void LogNotRemoved(string group, string message);
}
