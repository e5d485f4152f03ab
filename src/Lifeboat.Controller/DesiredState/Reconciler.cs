// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Data.Common;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Metrics;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.DesiredState;

// Every two seconds, for ever:
//
//   own agents ── answers? ── started anew? ─► put every wanted source and replica again
//                   ├─ else those that were not put for half a minute, a few each round
//                   └─ which sources are connected to replicas here (for an honest RPO)
//   each peer ── no failover leaves it (I11)? ─► exchange group definitions, edits and all (Exchange)
//
// A primary that comes back learns here that it is none any more, and its source is stopped (LocalSide.SetGroupAsync).
internal sealed partial class Reconciler(CertificateRotation certificates, SiteIdentity identity,
    LocalSide here, SiteAgents agents, SpecStore specs, SiteMetrics metrics,
    PeerDirectory peers, PeerTruce truce, Exchange exchange, DivergenceWatch divergences, PluggedDisks plugged,
    TenantCaps caps, PolicyFollowers followers, ILeases leases, TimeProvider time, ILogger<Reconciler> logger)
    : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);
    // Those keep no replicas, so nothing that they are asked for takes long.
    private static readonly TimeSpan FurtherLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PutAgain = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Tended> _tended = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ReasonCode> _said = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            var began = time.GetTimestamp();
            await Task.WhenAll(agents.Hosts.Select(h => h == AgentConfiguration.DefaultHost
                ? RoundAsync("agent", () => TendAgentAsync(h, stoppingToken), stoppingToken)
                : RoundAsync($"agent of {h}", () => agents.SoonAsync(
                    h, FurtherLimit, t => TendAgentAsync(h, t), stoppingToken), stoppingToken)));
            await RoundAsync("certificates", () => TellAsync(stoppingToken), stoppingToken);
            await RoundAsync("policies", () => FollowAsync(stoppingToken), stoppingToken);
            await RoundAsync("divergence", () => LookAsync(divergences.LookAsync, stoppingToken), stoppingToken);
            await RoundAsync("plugged disks", () => LookAsync(plugged.LookAsync, stoppingToken), stoppingToken);
            await RoundAsync("database", () => ExchangeAsync(stoppingToken), stoppingToken);
            metrics.Looked("reconcile", time.GetElapsedTime(began));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // Who the paired sites are is in the database, which may be away while they are not.
    private async Task<bool> ExchangeAsync(CancellationToken ct)
    {
        await Task.WhenAll(peers.All.Select(p => RoundAsync(p.Name, () => ExchangeAsync(p.Name, ct), ct)));
        return true;
    }

    // The top of a loop: what goes wrong in one round is logged once and tried again in the next.
    // The work says whether it asked at all.
    private async Task RoundAsync(string who, Func<Task<bool>> work, CancellationToken ct)
    {
        try
        {
            if (await work()) SayOnce(who, ReasonCode.None, "");
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw;
        }
        catch (ProblemException e)
        {
            SayOnce(who, e.Reason, e.Message);
        }
        catch (DbException e) when (ControllerDatabase.IsUnavailable(e))
        {
            SayOnce(who, ReasonCode.DatabaseUnavailable, e.Message);
        }
        catch (Exception e)
        {
            LogReconcileFailed(e, who);
        }
    }

    private async Task<bool> TellAsync(CancellationToken ct)
    {
        // Another controller of the site may have made them.
        if (identity.ReloadIfNew()) peers.Renew();
        if (leases.TryHold(LeaseName.Site("certificates"))) await certificates.TellAgainAsync(ct);
        return true;
    }

    private async Task<bool> FollowAsync(CancellationToken ct)
    {
        if (leases.TryHold(LeaseName.Site("policies"))) await followers.CatchUpAsync(ct);
        return false;
    }

    private async Task<bool> TendAgentAsync(string host, CancellationToken ct)
    {
        var status = await agents.StatusAsync(host, ct);
        var now = time.GetUtcNow();
        await here.DropStraysAsync(host, [.. status.Sources.Where(IsOurs)], ct);
        // Read before: what is gained meanwhile is put in the next round.
        var gained = leases.Gained;
        if (!_tended.TryGetValue(host, out var last) || last.Agent.StartedAt != status.StartedAt
            || last.Agent.ProcessId != status.ProcessId || last.Gained != gained)
            _tended[host] = last = new Tended(status, gained);
        await PutSpecsAsync(host, status, last, ct);
        if (host != AgentConfiguration.DefaultHost) return true;
        // Looking is enough: it is noted who was connected when.
        await here.ReplicasAsync(ct);
        return true;
    }

    // Replicas are kept by the agent that every site has. An agent that is new to us gets everything at once; after
    // that each spec is put again every half minute, an even share of them in each round.
    private async Task PutSpecsAsync(string host, AgentStatus status, Tended tended, CancellationToken ct)
    {
        var now = specs.Now();
        if (tended.IsDue("links", time.GetUtcNow()))
        {
            foreach (var peer in peers.All)
                if (leases.TryHold(LeaseName.Site("links")))
                    await agents.Of(host).PutLinkAsync(peer.Name, caps.Link(peer.Name), ct);
            tended.Put("links", time.GetUtcNow());
        }
        var all = new List<(string Key, string Group, Func<Task> PutAsync)>();
        if (host == AgentConfiguration.DefaultHost)
            all.AddRange(from replica in now.Replicas
                         let name = replica.Spec.Group
                         where replica.Active
                         select ($"replica {name}", name, (Func<Task>)(() => here.RestoreReplicaAsync(name, ct))));
        all.AddRange(from source in now.Sources
                     let name = source.Spec.Group
                     where source.Spec.Host == host && (source.Active || status.Sources.Contains(name))
                     select ($"source {name}", name, (Func<Task>)(() => here.RestoreSourceAsync(name, ct))));
        var share = all.Count * (int)Period.TotalSeconds / (int)PutAgain.TotalSeconds + 1;
        foreach (var (key, group, putAsync) in all.Where(s => IsOurs(s.Group)))
        {
            var known = tended.Knows(key);
            if (known && (share == 0 || !tended.IsDue(key, time.GetUtcNow()))) continue;
            if (known) share--;
            await PutAsync(group, putAsync);
            tended.Put(key, time.GetUtcNow());
        }
    }

    // Of several controllers of the site one works on a group; which, moves when it is gone.
    private bool IsOurs(string group) => leases.TryHold(LeaseName.Group(group));

    private async Task PutAsync(string group, Func<Task> put)
    {
        try
        {
            await put();
        }
        catch (ProblemException e) when (e.Reason is not ReasonCode.AgentUnreachable)
        {
            LogSpecRefused(group, e.Reason, e.Message);
        }
    }

    // Only looks here: that it asked nobody is why it never says that anybody answers.
    private static async Task<bool> LookAsync(Func<CancellationToken, Task> look, CancellationToken ct)
    {
        await look(ct);
        return false;
    }

    private async Task<bool> ExchangeAsync(string site, CancellationToken ct)
    {
        if (await truce.HoldsAsync(site, ct)) return false;
        await exchange.WithAsync(site, ct);
        return true;
    }

    private void SayOnce(string who, ReasonCode reason, string message)
    {
        lock (_said)
        {
            if (_said.TryGetValue(who, out var before) && before == reason) return;
            _said[who] = reason;
        }
        if (reason is ReasonCode.None) LogPeerSeen(who);
        else LogPeerLost(who, reason, message);
    }

    /// <summary>When what was put to an agent, in its present life.</summary>
    private sealed class Tended(AgentStatus agent, long gained)
    {
        private readonly Dictionary<string, DateTimeOffset> _put = new(StringComparer.Ordinal);

        public AgentStatus Agent => agent;
        public long Gained => gained;

        public bool Knows(string what) => _put.ContainsKey(what);

        public bool IsDue(string what, DateTimeOffset now) =>
            !_put.TryGetValue(what, out var last) || now - last >= PutAgain;

        public void Put(string what, DateTimeOffset now) => _put[what] = now;
    }

    [LoggerMessage(EventIds.PeerSeen, LogLevel.Information, "{Who} answers")]
    private partial void LogPeerSeen(string who);

    [LoggerMessage(EventIds.PeerLost, LogLevel.Warning, "{Who} does not answer as wanted: {Reason}: {Message}")]
    private partial void LogPeerLost(string who, ReasonCode reason, string message);

    [LoggerMessage(EventIds.SpecRefused, LogLevel.Warning,
        "The agent did not take what group {Group} needs: {Reason}: {Message}")]
    private partial void LogSpecRefused(string group, ReasonCode reason, string message);

    [LoggerMessage(EventIds.ReconcileFailed, LogLevel.Error, "A round with {Who} failed")]
    private partial void LogReconcileFailed(Exception cause, string who);
}
