// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Tests.Controller.Alerts;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>What machines ask of a controller, and alerts on their whole way out of it.</summary>
public sealed class HealthTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Machines_may_read_figures_and_nothing_else()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await TwoSites.UntilAsync(sites.A, GroupState.Protected);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{sites.A.MetricsAddress}/") };
        Assert.Equal("ok\n", await http.GetStringAsync("healthz", Ct));
        Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync("v1/site", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync("peer/v1/exchange", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await http.PostAsync("v1/site/tokens", null, Ct)).StatusCode);

        foreach (var made in new[] { "MADE", "UP" })
            using (var request = new HttpRequestMessage(new HttpMethod(made), "healthz"))
                Assert.False((await http.SendAsync(request, Ct)).IsSuccessStatusCode);

        var text = await UntilAsync(() => http.GetStringAsync("metrics", Ct),
            t => t.Contains("lifeboat_group_state{", StringComparison.Ordinal));
        Assert.Contains("lifeboat_group_state{group=\"shop\",tenant=\"default\",state=", text,
            StringComparison.Ordinal);
        Assert.Contains("lifeboat_api_request_seconds_bucket{method=\"GET\",route=\"/healthz\",code=\"200\",le=", text,
            StringComparison.Ordinal);
        // Whoever makes words up must not make series.
        Assert.Contains("lifeboat_api_request_seconds_count{method=\"other\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("method=\"MADE\"", text, StringComparison.Ordinal);
        Assert.Contains("lifeboat_lag_seconds{group=\"shop\"} 0", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dead_peer_and_a_dead_agent_do_not_make_a_controller_unready()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.B.StopControllerAsync();
        await sites.A.StopAgentAsync();
        var ready = await UntilAsync(() => sites.A.Client.ReadinessAsync(Ct),
            r => r.Parts.Any(p => p.Part == "peer b" && p.Reason is ReasonCode.PeerUnreachable)
                && r.Parts.Any(p => p.Part == "agent default" && p.Reason is ReasonCode.AgentUnreachable));
        Assert.True(ready.Ready);
        Assert.Equal(ReasonCode.None, ready.Parts.Single(p => p.Part == "database").Reason);
    }

    [Fact]
    public async Task An_alert_is_raised_told_to_the_webhook_and_closed_when_it_is_over()
    {
        await using var hook = await HookServer.StartAsync(Ct);
        await using var sites = await TwoSites.StartAsync(paired: false);
        await sites.A.Client.PutAlertTargetAsync("hook", new AlertTargetRequest
        {
            Kind = AlertTargetKind.Webhook,
            Url = hook.Url,
            Secret = "0123456789abcdef",
        }, Ct);
        await sites.A.Client.RotateCertificatesAsync(
            new RotateCertificatesRequest(false, TimeSpan.Zero, TimeSpan.FromDays(1)), Ct);
        var raised = await UntilAsync(() => sites.A.Client.AlertsAsync(false, null, Ct), a => a.Count == 2);
        Assert.All(raised, a => Assert.Equal((AlertKind.CertificateExpires, AlertSeverity.Critical),
            (a.Kind, a.Severity)));
        await UntilAsync(() => Task.FromResult(hook.Got.Count), n => n == 2);
        Assert.Equal("local",
            (await sites.A.Client.AcknowledgeAlertAsync(raised[0].Id, Ct)).AcknowledgedBy);

        await sites.A.Client.RotateCertificatesAsync(new RotateCertificatesRequest(false, TimeSpan.Zero), Ct);
        await UntilAsync(() => sites.A.Client.AlertsAsync(false, null, Ct), a => a.Count == 0);
        // That the last one was taken is written down after its answer.
        await UntilAsync(() => sites.A.Client.AlertDeliveriesAsync(DeliveryState.Delivered, Ct), d => d.Count == 4);
        Assert.Equal(4, hook.Got.Count);
    }

    private static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> wanted)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (wanted(answer)) return answer;
            if (TimeProvider.System.GetElapsedTime(began) > Patience) Assert.Fail($"still {answer}");
            await Task.Delay(100, Ct);
        }
    }
}
