// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication.Capture;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// Draining, stopping, letting go. Letting go never waits for anybody; detaching talks to the instance and may fail.
public sealed partial class GroupSource
{
    private static readonly TimeSpan DetachLimit = TimeSpan.FromSeconds(10);

    /// <summary>Waits until everything captured up to now is durable at the recovery site.</summary>
    /// <returns>False: capture was given up meanwhile, or never began.</returns>
    public async Task<bool> DrainAsync(CancellationToken ct) =>
        _stream is { IsLeft: false } stream && await stream.WaitDurableAsync(stream.LastSequence, ct);

    /// <summary>
    /// Ends the source and stops mirroring. Stopping a stopped source succeeds, and one that never ran is only
    /// detached.
    /// </summary>
    /// <param name="uninstall">Leave the instances as they were: no change maps, exports or nodes of ours.</param>
    /// <returns>What could not be undone, by volume; empty when all is well.</returns>
    public async Task<IReadOnlyList<string>> StopAsync(bool uninstall, CancellationToken ct)
    {
        _stop.Cancel();
        if (Volatile.Read(ref _started)) await _ended.Task.ArriveAsync(ct);
        var problems = new List<string>();
        await ReleaseAllAsync(uninstall, problems, ct);
        GiveUpStream(ReasonCode.None);
        if (uninstall && _log is { } log) await TryClearAsync(log, ct);
        LetGoOfAll();
        SetState(GroupSourcePhase.Stopped, ReasonCode.None, null);
        return problems;
    }

    /// <summary>Ships by another policy's cap and priority from now on.</summary>
    public void Ship(Policy policy)
    {
        _shipRate = policy.ShipCalendar();
        _priority = (int)policy.Priority;
    }

    // Bytes a second that the caps leave this group at most.
    private long? CapNow => (_shipRate.At(_time.GetUtcNow()), _budget.BytesPerSecond) switch
    {
        ({ } group, { } link) => Math.Min(group, link),
        var (group, link) => group ?? link,
    };

    /// <summary>Lets the guests go on without us at once; capture comes back by itself after a pause.</summary>
    public void GiveUp(ReasonCode reason) => Leave(reason, null);

    private async Task FenceAsync(ReasonCode reason, string detail, CancellationToken ct)
    {
        Leave(reason, detail);
        SetState(GroupSourcePhase.Fenced, reason, detail);
        await ReleaseAllAsync(uninstall: false, [], ct);
    }

    /// <summary>Gives capture up: the guests go on without us from this moment.</summary>
    private void Leave(ReasonCode reason, string? detail)
    {
        if (_stream is not { IsGivenUp: false }) return;
        GiveUpStream(reason);
        LetGoOfAll();
        SetState(GroupSourcePhase.Detached, reason, detail);
        NoteRung();
    }

    private void GiveUpStream(ReasonCode reason) => _stream?.GiveUp(reason);

    private async Task WatchGivenUpAsync(CaptureStream stream)
    {
        try
        {
            var reason = await stream.GivenUp.ArriveAsync(_runToken);
            if (stream != _stream) return;
            LetGoOfAll();
            if (reason is ReasonCode.OutboxFull or ReasonCode.OutboxLogFull or ReasonCode.OutboxLogFailed
                or ReasonCode.CaptureHung)
                SetState(GroupSourcePhase.Detached, reason, null);
            NoteRung();
        }
        catch (OperationCanceledException) when (_runToken.IsCancellationRequested)
        {
            // The source is stopping and lets go itself.
        }
    }

    private async Task EndRunAsync()
    {
        _connected = false;
        if (!_stop.IsCancellationRequested)
        {
            // Shut down, fenced or failed: nobody will answer the guests any more.
            GiveUpStream(ReasonCode.AgentUnreachable);
            LetGoOfAll();
            if (_state.Phase is not (GroupSourcePhase.Fenced or GroupSourcePhase.Stopped))
                SetState(GroupSourcePhase.Stopped, ReasonCode.None, null);
        }
        EndMoments();
        _ended.TrySetResult();
        Task[] watches;
        lock (_gate) watches = [.. _watches];
        await Task.WhenAll(watches);
        if (_log is not null) await _log.DisposeAsync();
    }

    private void LetGoOfAll()
    {
        if (_moments is { } moments) moments.Tap.LetGo();
        else
            foreach (var slot in _slots) slot.Tap.LetGo();
    }

    private async Task ReleaseAllAsync(bool uninstall, List<string> problems, CancellationToken ct)
    {
        if (_moments is { Tap: var moments })
        {
            moments.LetGo();
            var problem = await ReleaseAsync(_options.Group,
                t => uninstall ? moments.UninstallAsync(t) : moments.DetachAsync(t), ct);
            if (problem is not null) problems.Add(problem);
            return;
        }
        foreach (var slot in _slots)
            if (await ReleaseAsync(slot, uninstall, ct) is { } problem) problems.Add($"{slot.Disk.Name}: {problem}");
    }

    private Task<string?> ReleaseAsync(TapSlot slot, bool uninstall, CancellationToken ct) => ReleaseAsync(
        slot.Disk.Name, t => uninstall ? slot.Tap.UninstallAsync(t) : slot.Tap.DetachAsync(t), ct);

    private async Task<string?> ReleaseAsync(string what, Func<CancellationToken, Task> release, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(DetachLimit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            await release(any.Token);
            return null;
        }
        catch (TapException e)
        {
            LogDetachFailed(_options.Group, what, e.Message);
            return e.Message;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            LogDetachFailed(_options.Group, what, "no answer in time");
            return "no answer in time";
        }
    }

    [LoggerMessage(ReplicationEvents.DetachFailed, LogLevel.Warning,
        "Volume {Volume} of {Group} could not be detached: {Detail}")]
    private partial void LogDetachFailed(string group, string volume, string detail);
}
