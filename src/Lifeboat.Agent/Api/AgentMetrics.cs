// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Linking;
using Lifeboat.Agent.Replicas;
using Lifeboat.Agent.Sources;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Agent.Api;

/// <summary>`/metrics` and `/healthz` of the agent: on its socket, and where the site is told to listen for it.
/// </summary>
internal sealed class AgentMetrics(SourceRoster sources, ReplicaRoster replicas, LinkBudgets links, LiveMetrics live,
    Func<AgentStatus> status, TimeProvider time)
{
    private const string Text = "text/plain; version=0.0.4; charset=utf-8";

    public static readonly IReadOnlyList<string> Paths = ["/metrics", "/healthz"];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/metrics", async (CancellationToken ct) => Results.Text(await TextAsync(ct), Text));
        routes.MapGet("/healthz", () => Results.Text("ok\n"));
    }

    private Task<string> TextAsync(CancellationToken ct)
    {
        var page = new MetricPage();
        var agent = status();
        page.Add("lifeboat_build_info", 1, agent.Version.Split('+')[0]);
        DataPathMetrics.Add(page, agent);
        foreach (var source in sources.All()) DataPathMetrics.Add(page, source.Status());
        foreach (var replica in replicas.All()) DataPathMetrics.Add(page, replica.Status(), time.GetUtcNow());
        foreach (var peer in links.Peers) DataPathMetrics.Add(page, links.Status(peer));
        return page.TextAsync(live, ct);
    }
}
