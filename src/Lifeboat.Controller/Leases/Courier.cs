// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Hosting;

namespace Lifeboat.Controller.Leases;

/// <summary>
/// Takes something from the site to somebody else, in rounds, by one controller of the site at a time. A round that
/// fails is no end: what it did not take is due again.
/// </summary>
internal abstract class Courier(ILeases leases, string work) : BackgroundService
{
    /// <summary>From one round to the next, unless there is news before.</summary>
    protected static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (IsWanted && !stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (leases.TryHold(LeaseName.Site(work))) await RoundAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                // The top of a loop.
                LogFailed(e);
            }
            await PauseAsync(stoppingToken);
        }
    }

    /// <summary>False: the site takes nothing there, and there are no rounds.</summary>
    protected virtual bool IsWanted => true;

    /// <summary>Takes what there is now, as far as it is taken.</summary>
    public abstract Task RoundAsync(CancellationToken ct);

    /// <summary>Until there may be something to take.</summary>
    protected abstract Task PauseAsync(CancellationToken ct);

    protected abstract void LogFailed(Exception cause);
}
