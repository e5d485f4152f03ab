// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Watching;

public sealed class SiteObserverTests
{
    [Fact]
    public async Task A_run_that_ended_is_news_once_unless_somebody_could_make_nothing_of_it()
    {
        await using var site = await TestSite.StartAsync("a", new());
        var runs = site.Services.GetRequiredService<IRunStore>();
        var observer = ActivatorUtilities.CreateInstance<SiteObserver>(site.Services);
        Assert.True((await observer.LookAsync(Ct)).IsFirst);
        var run = RunStoreConformance.NewRun("shop", 1);
        await runs.TryAddAsync(run, Ct);
        await runs.SaveAsync(run with { State = RunState.Succeeded, FinishedAt = TimeProvider.System.GetUtcNow() },
            Tenure.Sole, Ct);
        var seen = await observer.LookAsync(Ct);
        Assert.Equal(run.Id, Assert.Single(seen.Runs).Id);
        observer.TellAgain(seen);
        Assert.Equal(run.Id, Assert.Single((await observer.LookAsync(Ct)).Runs).Id);
        Assert.Empty((await observer.LookAsync(Ct)).Runs);
    }
}
