// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Backups;

/// <summary>Tends the groups that are moved by backups, each by itself: a backup may take hours.</summary>
internal sealed partial class BackupSchedule(BackupMover mover, GroupStore groups, BackupPointStore points,
    ILeases leases, TimeProvider time, ILogger<BackupSchedule> logger) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, Task> _tended = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                foreach (var group in Due()) _tended[group] = TendAsync(group, stoppingToken);
            }
            catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
            {
                // Asked again in a second; whoever needs it most says that it is away.
            }
        }
        await Task.WhenAll(_tended.Values);
    }

    private List<string> Due()
    {
        var moved = groups.Now().Values.Where(r => !r.Removed && r.Definition.MovedByCloud)
            .Select(r => r.Definition.Name).ToList();
        var left = groups.Now().Values.Any(r => r.Removed && r.Definition.MovedByCloud) ? points.Groups() : [];
        return
        [
            .. moved.Union(left, StringComparer.Ordinal).Where(g => leases.TryHold(LeaseName.Group(g))
                && (!_tended.TryGetValue(g, out var task) || task.IsCompleted)),
        ];
    }

    private async Task TendAsync(string group, CancellationToken ct)
    {
        try
        {
            await mover.TendAsync(group, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Everything is in the database; the next controller goes on.
        }
        // The top of a loop: what left here would end the controller.
        catch (Exception e)
        {
            LogRoundFailed(e, group);
        }
    }

    [LoggerMessage(EventIds.BackupRoundFailed, LogLevel.Error, "A round of backups of {Group} failed")]
    private partial void LogRoundFailed(Exception cause, string group);
}
