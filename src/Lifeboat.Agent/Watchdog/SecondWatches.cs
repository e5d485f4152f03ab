// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Agent.Watchdog;

/// <summary>A second watch of every agent of a site that is on this machine, those added later too.</summary>
public sealed class SecondWatches : IAsyncDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private readonly SitePaths _site;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, SecondWatch> _watches = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _looking;

    private SecondWatches(SitePaths site, TimeProvider time)
    {
        (_site, _time) = (site, time);
        _looking = LookAsync(_stop.Token);
    }

    public static SecondWatches Start(string siteDirectory, TimeProvider time) =>
        new(new SitePaths(Path.GetFullPath(siteDirectory)), time);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _looking;
        foreach (var watch in _watches.Values) await watch.DisposeAsync();
        _stop.Dispose();
    }

    private async Task LookAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            foreach (var host in _site.FurtherHosts().Prepend(AgentConfiguration.DefaultHost))
                if (!_watches.ContainsKey(host))
                    _watches[host] = SecondWatch.Start(_site.OfHost(host).Root, _time);
            await Task.Delay(LookEvery, _time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
