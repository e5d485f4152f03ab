// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

public sealed class TraceTests
{
    [Fact]
    public async Task A_failover_is_one_trace_from_the_request_to_the_agents_and_the_other_site()
    {
        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name is RunTracing.SourceName or "Microsoft.AspNetCore" or "System.Net.Http",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        ActivitySource.AddActivityListener(listener);
        var run = await sites.RunAsync(sites.B, RunKind.PlannedFailover);
        Assert.Equal(RunState.Succeeded, run.State);
        var since = Stopwatch.GetTimestamp();

        var whole = ended.Single(a => a.DisplayName == "run planned-failover"
            && Equals(a.GetTagItem("lifeboat.run"), run.Id));
        // A server's span ends after its answer has arrived.
        List<Activity> trace = [], unanswered;
        do
        {
            await Task.Delay(20, Ct);
            trace = [.. ended.Where(a => a.TraceId == whole.TraceId)];
            unanswered = [.. trace.Where(a => a.Kind is ActivityKind.Client && !trace.Any(s =>
                s.Kind is ActivityKind.Server && s.ParentSpanId == a.SpanId))];
        }
        while (unanswered.Count > 0 && Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(5));
        Assert.Single(trace, a => a.Kind is ActivityKind.Server && a.SpanId == whole.ParentSpanId);
        Assert.Equal(run.Steps.Sum(s => s.Attempts), trace.Count(a => a.DisplayName.StartsWith("step ",
            StringComparison.Ordinal)));
        Assert.All(trace.Where(a => a.DisplayName.StartsWith("step ", StringComparison.Ordinal)),
            a => Assert.Equal(whole.SpanId, a.ParentSpanId));
        // Every request is asked in the trace, and gone on with below it: at the agents, at the other site, and at the
        // agent that the other site asks for it.
        Assert.True(unanswered.Count == 0, string.Join('\n', unanswered.Select(Shown)));
        var asked = trace.Where(a => a.Kind is ActivityKind.Client).ToList();
        Assert.Contains(asked, a => Url(a).Contains("/peer/v1/groups/shop/source/stop", StringComparison.Ordinal)
            && StepOf(a) == "step stop-source");
        Assert.Contains(asked, a => Url(a).Contains("/v1/replicas/shop/views", StringComparison.Ordinal)
            && StepOf(a) == "step open-view");
        Assert.Contains(asked, a => Url(a).Contains("agent/v1/sources/shop", StringComparison.Ordinal)
            && Above(a).Any(p => Url(p).Contains("/peer/v1/", StringComparison.Ordinal)));

        IEnumerable<Activity> Above(Activity of)
        {
            for (var at = of; trace.Find(a => a.SpanId == at.ParentSpanId) is { } parent; at = parent)
                yield return parent;
        }

        string? StepOf(Activity of) => Above(of).FirstOrDefault(a => a.DisplayName.StartsWith("step ",
            StringComparison.Ordinal))?.DisplayName;
    }

    private static string Url(Activity span) => $"{span.GetTagItem("url.full")}";

    private static string Shown(Activity span) =>
        $"{span.SpanId} of {span.ParentSpanId}: {span.Kind} {span.DisplayName} {Url(span)}";
}
