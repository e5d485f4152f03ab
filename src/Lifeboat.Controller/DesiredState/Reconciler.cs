// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Data.Common;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Leases;
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
//   own agents ── answers? ── started anew or half a minute over? ─► put every wanted source and replica again
//                   └─ which sources are connected to replicas here (for an honest RPO)
//   each peer ── no failover leaves it (I11)? ─► exchange group definitions; the newer wins on both sides
//
// A primary that comes back learns here that it is none any more, and its source is stopped (LocalSide.SetGroupAsync).
internal sealed partial class Reconciler(CertificateRotation certificates, SiteIdentity identity, ControllerUrls urls,
    LocalSide here, SiteAgents agents, GroupStore groups, SpecStore specs,
    PeerDirectory peers, PeerTruce truce, DivergenceWatch divergences, PluggedDisks plugged, TenantCaps caps,
    PolicyFollowers followers, ILeases leases, TimeProvider time, ILogger<Reconciler> logger)
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
            await Task.WhenAll(agents.Hosts.Select(h => h == AgentConfiguration.DefaultHost
                ? RoundAsync("agent", () => TendAgentAsync(h, stoppingToken), stoppingToken)
                : RoundAsync($"agent of {h}", () => agents.SoonAsync(
                    h, FurtherLimit, t => TendAgentAsync(h, t), stoppingToken), stoppingToken)));
            await RoundAsync("certificates", () => TellAsync(stoppingToken), stoppingToken);
            await RoundAsync("policies", () => FollowAsync(stoppingToken), stoppingToken);
            await RoundAsync("divergence", () => LookAsync(stoppingToken), stoppingToken);
            await RoundAsync("database", () => ExchangeAsync(stoppingToken), stoppingToken);
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
            || last.Agent.ProcessId != status.ProcessId || now - last.PutAt >= PutAgain || last.Gained != gained)
        {
            await PutSpecsAsync(host, status, ct);
            _tended[host] = new Tended(status, now, gained);
        }
        if (host != AgentConfiguration.DefaultHost) return true;
        foreach (var replica in specs.Replicas().Where(r => r.Active))
        {
            // Looking is enough: it is noted who was connected when.
            await here.ReplicaAsync(replica.Spec.Group, ct);
        }
        return true;
    }

    // Replicas are kept by the agent that every site has.
    private async Task PutSpecsAsync(string host, AgentStatus status, CancellationToken ct)
    {
        foreach (var peer in peers.All)
            if (leases.TryHold(LeaseName.Site("links")))
                await agents.Of(host).PutLinkAsync(peer.Name, caps.Link(peer.Name), ct);
        if (host == AgentConfiguration.DefaultHost)
            foreach (var replica in specs.Replicas().Where(r => r.Active && IsOurs(r.Spec.Group)))
                await PutAsync(replica.Spec.Group, () => here.RestoreReplicaAsync(replica.Spec.Group, ct));
        foreach (var source in specs.Sources()
            .Where(s => s.Spec.Host == host && (s.Active || status.Sources.Contains(s.Spec.Group))
                && IsOurs(s.Spec.Group)))
            await PutAsync(source.Spec.Group, () => here.RestoreSourceAsync(source.Spec.Group, ct));
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
    private async Task<bool> LookAsync(CancellationToken ct)
    {
        await divergences.LookAsync(ct);
        await plugged.LookAsync(ct);
        return false;
    }

    private async Task<bool> ExchangeAsync(string site, CancellationToken ct)
    {
        if (await truce.HoldsAsync(site, ct)) return false;
        var answer = await peers.Side(site).ExchangeAsync(new GroupExchange(
            groups.SharedWith(site), divergences.SharedWith(site), urls.IfSeveral), ct);
        await here.LearnAsync(site, answer, ct);
        divergences.Learn(site, answer.Divergences ?? []);
        peers.Learn(site, answer.Controllers);
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

    private sealed record Tended(AgentStatus Agent, DateTimeOffset PutAt, long Gained);

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
