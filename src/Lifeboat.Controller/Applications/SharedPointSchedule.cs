// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Applications;

/// <summary>Cuts the shared points that policies ask for, where the instances run.</summary>
internal sealed partial class SharedPointSchedule(ApplicationCatalog applications, LocalSide here, ILeases leases,
    TimeProvider time, ILogger<SharedPointSchedule> logger) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, DateTimeOffset> _tried = [];
    private readonly Dictionary<string, ReasonCode> _said = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                foreach (var application in applications.All().Where(a =>
                    a.Groups.All(g => g.PrimarySite == here.Name) && leases.TryHold(LeaseName.Application(a.Name))))
                    await CutIfDueAsync(application.Name, stoppingToken);
            }
            catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
            {
                SayOnce("any application", ReasonCode.DatabaseUnavailable, e.Message);
            }
            // The top of a loop: what left here would end the controller, and the points of all the others with it.
            catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                LogRoundFailed(e);
            }
        }
    }

    private bool IsDue(string application)
    {
        if (applications.Groups(application).Min(g => g.Policy.SharedInterval) is not { } interval) return false;
        var now = time.GetUtcNow();
        if (_tried.TryGetValue(application, out var last) && now - last < interval) return false;
        _tried[application] = now;
        return true;
    }

    private async Task CutIfDueAsync(string application, CancellationToken ct)
    {
        try
        {
            // Its last group may have gone while another one was cut.
            if (!IsDue(application)) return;
            await applications.CreateAsync(application, new CreateSharedPointRequest(), ct);
            _said.Remove(application);
        }
        catch (ProblemException e)
        {
            SayOnce(application, e.Reason, e.Message);
        }
    }

    // The next one may succeed; the same reason again is not said again.
    private void SayOnce(string application, ReasonCode reason, string message)
    {
        if (_said.TryGetValue(application, out var before) && before == reason) return;
        _said[application] = reason;
        LogNotCut(application, reason, message);
    }

    [LoggerMessage(EventIds.SharedPointNotCut, LogLevel.Warning,
        "No shared point of {Application}: {Reason}: {Message}")]
    private partial void LogNotCut(string application, ReasonCode reason, string message);

    [LoggerMessage(EventIds.SharedRoundFailed, LogLevel.Error, "A round of shared points failed")]
    private partial void LogRoundFailed(Exception cause);
}
