// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Recovery.Runs;

/// <summary>Runs and attempts of steps as spans. Where nobody listens nothing is made.</summary>
public static class RunTracing
{
    public const string SourceName = "Lifeboat.Runs";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>W3C `traceparent` of the request under way; null: it is not traced.</summary>
    internal static string? Current => Activity.Current is { IdFormat: ActivityIdFormat.W3C } now ? now.Id : null;

    // The request is over long before its run: what is stored with the run is its parent, also after a restart.
    internal static Activity? Begin(Run run)
    {
        ActivityContext.TryParse(run.TraceParent, null, isRemote: true, out var parent);
        var kind = JsonNamingPolicy.KebabCaseLower.ConvertName($"{run.Kind}");
        var span = Source.StartActivity($"run {kind}", ActivityKind.Internal, parent);
        return span?.SetTag("lifeboat.run", run.Id).SetTag("lifeboat.group", run.Group)
            .SetTag("lifeboat.site", run.Site);
    }

    internal static Activity? Begin(Run run, RunStep step) => Source.StartActivity($"step {step.Name}")
        ?.SetTag("lifeboat.run", run.Id).SetTag("lifeboat.group", run.Group).SetTag("lifeboat.step", step.Name)
        .SetTag("lifeboat.attempt", step.Attempts);

    internal static void End(Activity? span, Run run)
    {
        span?.SetTag("lifeboat.state", $"{run.State}");
        if (run.State is RunState.Failed or RunState.RolledBack) Fail(span, run.Reason, run.Detail);
    }

    internal static void Fail(Activity? span, ReasonCode reason, string? detail) =>
        span?.SetTag("lifeboat.reason", $"{reason}").SetStatus(ActivityStatusCode.Error, detail);
}
