// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Qemu;
using Lifeboat.Quiescing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Watchdog;

/// <summary>
/// Thaws guests that the agent has frozen and not thawed, and lets instances go on that it has paused: past the
/// announced deadline, or when the agent is gone. A guest stands still for a bounded time, whoever dies.
/// </summary>
internal sealed partial class DeadMan(HeartbeatPage page, TimeProvider time, ILogger<DeadMan> logger)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(1);
    // What cannot be reached for so long is not held by anything we could let go: a script's machine, a service.
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromMinutes(10);
    private static readonly QmpOptions Patience = new()
    {
        ConnectLimit = TimeSpan.FromSeconds(3),
        CommandLimit = TimeSpan.FromSeconds(10),
    };

    /// <param name="orphans">Freezes of an agent that is known to be gone: thawed before their deadlines.</param>
    public async Task RunAsync(IReadOnlyList<Freeze> orphans, CancellationToken ct)
    {
        var thawing = new Dictionary<Freeze, Task>();
        while (!ct.IsCancellationRequested)
        {
            var now = time.GetUtcNow();
            var alive = page.Agent.IsAlive;
            foreach (var freeze in page.Freezes())
            {
                if (alive && now <= freeze.Deadline && !orphans.Contains(freeze)) continue;
                if (!thawing.TryGetValue(freeze, out var run) || run.IsCompleted)
                    thawing[freeze] = ThawAsync(freeze, page, time, logger, ct);
            }
            foreach (var done in thawing.Where(t => t.Value.IsCompleted).Select(t => t.Key).ToList())
                thawing.Remove(done);
            await Task.Delay(LookEvery, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await Task.WhenAll(thawing.Values);
    }

    /// <summary>Thaws and frees the slot. A guest that is gone needs no thaw; anything else is tried again.</summary>
    public static async Task ThawAsync(
        Freeze freeze, HeartbeatPage page, TimeProvider time, ILogger logger, CancellationToken ct)
    {
        try
        {
            if (freeze.Ticket is { } ticket)
            {
                if (!await ThawAsync(ticket, freeze.Deadline, time, logger, ct)) return;
            }
            else if (freeze.Monitor is { } monitor) await ContinueAsync(monitor, time, logger, ct);
            else
            {
                var thawed = await new GuestAgentClient(freeze.GuestAgentSocket, Patience, time).ThawAsync(ct);
                LogThawed(logger, freeze.GuestAgentSocket, thawed);
            }
            page.Clear(freeze);
        }
        catch (QmpException e) when (e.Fault is QmpFault.Unreachable or QmpFault.Closed)
        {
            LogGone(logger, freeze.GuestAgentSocket, e.Message);
            page.Clear(freeze);
        }
        catch (QmpException e)
        {
            LogNotThawed(logger, freeze.GuestAgentSocket, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            LogNotThawed(logger, freeze.GuestAgentSocket, e.Message);   // the ticket cannot be read, or written
        }
        catch (OperationCanceledException)
        {
            // The successor finds the slot and goes on.
        }
    }

    private static async Task<bool> ThawAsync(
        string path, DateTimeOffset deadline, TimeProvider time, ILogger logger, CancellationToken ct)
    {
        if (ThawTicket.Read(path) is not { } ticket) return true;
        var thawed = await ticket.Open(time).ThawAsync(ticket.Id, deadline, ct);
        var unsure = thawed.Unsure.ToList();
        if (unsure.Count > 0)
        {
            LogNotThawed(logger, ticket.Instance, string.Join("; ", unsure));
            if (time.GetUtcNow() < deadline + GiveUpAfter || unsure.Exists(IsGuest))
            {
                // What goes on already is not asked again: it may be at rest for somebody else by then.
                ThawTicket.Write(path, ticket with { Steps = thawed.Left });
                await Task.Delay(TryAgainAfter, time, ct);
                return false;
            }
        }
        LogThawedBySteps(logger, ticket.Instance, string.Join("; ", thawed.Steps));
        File.Delete(path);
        return true;
    }

    private static bool IsGuest(StepEvidence step) =>
        step.Fault is not (ProviderFault.Unreachable or ProviderFault.Misconfigured);

    // Only what is paused: one that shut down or failed meanwhile is not ours to start.
    private static async Task ContinueAsync(string monitor, TimeProvider time, ILogger logger, CancellationToken ct)
    {
        await using var qmp = await QmpClient.ConnectAsync(monitor, Patience, time, ct);
        var status = (await qmp.ExecuteAsync("query-status", null, ct)).GetProperty("status").GetString();
        if (status != "paused") return;
        await qmp.ExecuteAsync("cont", null, ct);
        LogContinued(logger, monitor);
    }

    [LoggerMessage(EventIds.DeadManContinued, LogLevel.Warning,
        "Let the instance at {Monitor} go on: whoever paused it did not in time")]
    private static partial void LogContinued(ILogger logger, string monitor);

    [LoggerMessage(EventIds.DeadManThawedBySteps, LogLevel.Warning,
        "Thawed {Instance}: whoever quiesced it did not in time: {Steps}")]
    private static partial void LogThawedBySteps(ILogger logger, string instance, string steps);

    [LoggerMessage(EventIds.DeadManThawed, LogLevel.Warning,
        "Thawed {FileSystems} file systems through {Socket}: whoever froze them did not in time")]
    private static partial void LogThawed(ILogger logger, string socket, int fileSystems);

    [LoggerMessage(EventIds.DeadManGone, LogLevel.Information, "Nothing to thaw at {Socket}: {Reason}")]
    private static partial void LogGone(ILogger logger, string socket, string reason);

    [LoggerMessage(EventIds.DeadManFailed, LogLevel.Error, "Could not thaw through {Socket}, trying again: {Reason}")]
    private static partial void LogNotThawed(ILogger logger, string socket, string reason);
}
