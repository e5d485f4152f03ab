// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Plans;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>Five servers in three tiers on two networks are recovered into a project that has nothing, by a real run on
/// a real cloud.</summary>
public sealed class EmptyProjectRecovery(ITestOutputHelper output)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Five_servers_in_three_tiers_come_up_as_they_were_and_go_without_a_trace()
    {
        await using var project = await EmptyProject.MakeAsync(Ct);
        var start = Stopwatch.GetTimestamp();
        using var servers = await TieredServers.InAsync(project, Ct);
        var fit = await GroupFit.AskAsync(servers.Here, ThreeTiers.Definition, RunKind.Failover, reprotects: false, Ct);
        Assert.Empty(fit.Gaps);
        foreach (var note in fit.Notes) output.WriteLine($"note: {note}");
        Say("checked");

        var run = await servers.RecoverAsync(Ct);
        foreach (var step in run.Steps)
            output.WriteLine($"{step.Name} {step.State} {step.FinishedAt - step.StartedAt}: "
                + string.Join("; ", step.Evidence.Concat(step.Warnings)));
        Assert.Equal((RunState.Succeeded, null), (run.State, run.Detail));
        Assert.All(run.Steps, s => Assert.Empty(s.Warnings));
        Say("recovered");

        output.WriteLine($"DHCP servers are at {string.Join(", ", await TieredServers.CompareAsync(project, Ct))}");
        output.WriteLine($"built at {string.Join(", ", await TieredServers.InOrderAsync(project, Ct))}");
        Say("compared");
        await servers.RemoveAsync(Ct);
        Say("removed");

        void Say(string what) =>
            output.WriteLine($"{what} after {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }
}
