// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Sides;

/// <summary>
/// The agents of this site, one a host: the one that every site has, which also keeps the replicas, and those that were
/// added. Which there are is looked up at each call, so that one is known as soon as its directory is complete.
/// </summary>
internal sealed class SiteAgents(SitePaths paths, AgentClient main, TimeProvider time) : IDisposable
{
    // One that hangs is ended by its watchdog; nobody else must wait for that.
    private static readonly TimeSpan StatusLimit = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<string, AgentClient> _further = new(StringComparer.Ordinal);

    public AgentClient Main => main;

    /// <summary>The default host first.</summary>
    public IReadOnlyList<string> Hosts => [AgentConfiguration.DefaultHost, .. paths.FurtherHosts()];

    /// <exception cref="ProblemException">HostUnknown.</exception>
    public AgentClient Of(string host)
    {
        if (host == AgentConfiguration.DefaultHost) return main;
        if (!paths.FurtherHosts().Contains(host))
            throw new ProblemException(ReasonCode.HostUnknown, $"this site has no host '{host}'",
                $"Its hosts are {string.Join(", ", Hosts)}; `lifeboat agent add` makes another one.");
        return _further.GetOrAdd(host, h => new AgentClient(paths.OfHost(h).AgentSocket));
    }

    /// <exception cref="ProblemException">HostUnknown; AgentUnreachable: also a further one that hangs.</exception>
    public Task<AgentStatus> StatusAsync(string host, CancellationToken ct) =>
        host == AgentConfiguration.DefaultHost
            ? main.StatusAsync(ct)
            : SoonAsync(host, StatusLimit, Of(host).StatusAsync, ct);

    /// <summary>Asks an agent for what it can do at once.</summary>
    /// <exception cref="ProblemException">AgentUnreachable: it did not within the limit; or what it said.</exception>
    public async Task<T> SoonAsync<T>(
        string host, TimeSpan limit, Func<CancellationToken, Task<T>> ask, CancellationToken ct)
    {
        // Cancelled by the caller (ct) or by the limit; only the latter is the agent's doing.
        using var late = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            return await ask(either.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new ProblemException(ReasonCode.AgentUnreachable,
                $"the agent of host {host} did not answer within {limit.TotalSeconds:0} s", cause: e);
        }
    }

    /// <summary>What further agents say of themselves.</summary>
    public async Task<IReadOnlyList<HostInfo>> FurtherAsync(CancellationToken ct) =>
        await Task.WhenAll(paths.FurtherHosts().Select(async host =>
        {
            try
            {
                return new HostInfo(host, await StatusAsync(host, ct), ReasonCode.None);
            }
            catch (ProblemException e)
            {
                return new HostInfo(host, null, e.Reason);
            }
        }));

    public void Dispose()
    {
        foreach (var agent in _further.Values) agent.Dispose();
    }
}
