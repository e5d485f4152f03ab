// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Storage;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Evacuations;

// Carries the site's evacuations on, at the controller that holds their lease: those that were asked for here or at
// another one, and those that a controller left that is gone. Their runs are carried out by whoever holds the groups.
internal sealed partial class EvacuationHost(Evacuator evacuator, IEvacuationStore store, ILeases leases,
    TimeProvider time, ILogger<EvacuationHost> logger) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        do
        {
            if (leases.Hold(LeaseName.Site("evacuations")) is { } tenure) await LookAsync(tenure, stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task LookAsync(Tenure tenure, CancellationToken ct)
    {
        try
        {
            foreach (var evacuation in await store.UnfinishedAsync(ct)) await RoundAsync(evacuation.Id, tenure, ct);
        }
        catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
        {
            // The runs say so (RunHost), and nothing is lost: the next look goes on.
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            // The top of a loop: what left here would end the controller.
            LogRoundFailed(e);
        }
    }

    private async Task RoundAsync(Guid id, Tenure tenure, CancellationToken ct)
    {
        try
        {
            await evacuator.RoundAsync(id, tenure, ct);
        }
        catch (OperationCanceledException) when (!tenure.Holds)
        {
            // Another controller carries it on.
        }
        // One that cannot be carried on keeps no other one from its own.
        catch (Exception e) when (e is not OperationCanceledException && !ControllerDatabase.IsUnavailable(e))
        {
            LogRoundFailed(e);
        }
    }

    [LoggerMessage(EventIds.EvacuationRoundFailed, LogLevel.Error, "An evacuation could not be looked at")]
    private partial void LogRoundFailed(Exception cause);
}
