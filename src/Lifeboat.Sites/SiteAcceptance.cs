// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;

namespace Lifeboat.Sites;

/// <summary>
/// What every site must do, whatever is behind it. The tests run it on each driver and on the double; an operator runs
/// it against a real site. It starts an instance of its own and removes it again.
/// </summary>
public static class SiteAcceptance
{
    public static readonly IReadOnlyList<SiteCheck> Checks =
    [
        new("an instance that nobody started is unknown", UnknownAsync),
        new("starting twice is starting once", StartTwiceAsync),
        new("a running name is not given to another instance", NameTakenAsync),
        new("stopping twice, and stopping what is unknown, succeeds", StopTwiceAsync),
        new("a stopped instance starts again from the same request", RestartAsync),
        new("a guest that shut down keeps its disks open until it is stopped", ShutDownAsync),
        new("removing twice is removing once, and leaves no record", RemoveTwiceAsync),
        new("a description that fits has no gaps, one that cannot fit has some", FitAsync),
        new("a bubble can be made and deleted twice and leaves no trace", BubbleAsync),
    ];

    private static async Task<string?> UnknownAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        try
        {
            await site.GetAsync("nobody-knows-me", ct);
            return "GetAsync found an instance that nobody started";
        }
        catch (SiteException e) when (e.Fault == SiteFault.InstanceUnknown)
        {
            return null;
        }
    }

    private static async Task<string?> StartTwiceAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        var first = await site.StartAsync(trial.Start, ct);
        var second = await site.StartAsync(trial.Start, ct);
        if (first.Power != InstancePower.Running) return $"it is {first.Power} after the start";
        if (second.ProcessId != first.ProcessId) return "the second start made another process";
        var wanted = trial.Start.Description.Disks.Select(d => d.Name).Order();
        if (!second.Disks.Select(d => d.Name).Order().SequenceEqual(wanted)) return "its disks are not those described";
        var listed = await site.ListAsync(ct);
        return listed.Count(i => i.Name == trial.Start.Instance) == 1 ? null : "it is not listed exactly once";
    }

    private static async Task<string?> NameTakenAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        await site.StartAsync(trial.Start, ct);
        var other = trial.Start with
        {
            Description = trial.Start.Description with { Cpus = trial.Start.Description.Cpus + 1 },
        };
        try
        {
            await site.StartAsync(other, ct);
            return "another instance was started under a name that runs";
        }
        catch (SiteException e) when (e.Fault == SiteFault.InstanceExists)
        {
            return null;
        }
    }

    private static async Task<string?> StopTwiceAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        await site.StartAsync(trial.Start, ct);
        await site.StopAsync(trial.Start.Instance, ct);
        await site.StopAsync(trial.Start.Instance, ct);
        await site.StopAsync("nobody-knows-me", ct);
        var after = await site.GetAsync(trial.Start.Instance, ct);
        return after.Power == InstancePower.Stopped ? null : $"it is {after.Power} after the stop";
    }

    private static async Task<string?> RestartAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        var first = await site.StartAsync(trial.Start, ct);
        await site.StopAsync(trial.Start.Instance, ct);
        var again = await site.StartAsync(trial.Start, ct);
        if (again.Power != InstancePower.Running) return $"it is {again.Power} after the second start";
        return again.Disks.Select(d => d.File).SequenceEqual(first.Disks.Select(d => d.File))
            ? null : "it started from other disks than it had";
    }

    private static async Task<string?> ShutDownAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        if (!trial.GuestShutsDown) return null;
        var name = trial.Start.Instance;
        var running = await site.StartAsync(trial.Start, ct);
        await trial.GuestUpAsync(site, name, ct);
        await site.ShutDownAsync(name, trial.Patience, ct);
        await site.ShutDownAsync(name, trial.Patience, ct);
        var after = await site.GetAsync(name, ct);
        if (after.Power != InstancePower.ShutDown) return $"it is {after.Power} after the shut-down";
        if (after.ProcessId != running.ProcessId) return "the shut-down ended its process, so its disks are closed";
        if (site is not IRestartsInstances restarts) return null;
        await restarts.RestartAsync(name, ct);
        await restarts.RestartAsync(name, ct);
        var again = await site.GetAsync(name, ct);
        return again.Power == InstancePower.Running ? null : $"it is {again.Power} after it was booted again";
    }

    private static async Task<string?> RemoveTwiceAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        await site.StartAsync(trial.Start, ct);
        await site.RemoveAsync(trial.Start.Instance, ct);
        await site.RemoveAsync(trial.Start.Instance, ct);
        return (await site.ListAsync(ct)).Any(i => i.Name == trial.Start.Instance) ? "it is still listed" : null;
    }

    private static async Task<string?> FitAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        var whole = trial.Start.Description;
        var fits = await site.FitAsync([whole], isolated: false, ct);
        if (fits.Gaps.Count > 0) return "gaps for an instance that can run: " + string.Join("; ", fits.Gaps);
        InstanceNic nowhere = new("no-such-network", "virtio", "52:54:00:ff:ff:01", null);
        var unfit = whole with { Name = "too-large", MemoryMiB = 1 << 28, Nics = [nowhere] };
        var gaps = (await site.FitAsync([whole, unfit], isolated: false, ct)).Gaps;
        if (gaps.Count < 2) return "too much memory and an unknown network were not both named";
        return gaps.All(g => g.Contains("too-large", StringComparison.Ordinal)) ? null
            : "a gap does not name its instance: " + string.Join("; ", gaps);
    }

    private static async Task<string?> BubbleAsync(ISite site, SiteTrial trial, CancellationToken ct)
    {
        if (site is not IMakesBubbles bubbles || !trial.MakesBubbles) return null;
        const string bubble = "acceptance";
        await bubbles.CreateBubbleAsync(bubble, [trial.Start.Description], ct);
        await bubbles.CreateBubbleAsync(bubble, [trial.Start.Description], ct);
        await site.StartAsync(trial.Start with { Instance = trial.Start.Instance + "-copy", Bubble = bubble }, ct);
        if ((await bubbles.TracesAsync(bubble, ct)).Count == 0)
            return "an open bubble shows no trace: none is looked for";
        await bubbles.DeleteBubbleAsync(bubble, ct);
        await bubbles.DeleteBubbleAsync(bubble, ct);
        var left = await bubbles.TracesAsync(bubble, ct);
        return left.Count == 0 ? null : "left of the bubble: " + string.Join("; ", left);
    }
}

/// <param name="RunAsync">Null when the site passed, else what is wrong. Repeatable in any order on one site.</param>
public sealed record SiteCheck(string Name, Func<ISite, SiteTrial, CancellationToken, Task<string?>> RunAsync);

/// <summary>What a site is tried with.</summary>
public sealed record SiteTrial
{
    public required StartRequest Start { get; init; }
    /// <summary>Returns once the guest can shut itself down.</summary>
    public Func<ISite, string, CancellationToken, Task> GuestUpAsync { get; init; } = (_, _, _) => Task.CompletedTask;
    public bool GuestShutsDown { get; init; }
    /// <summary>False where the caller has no right to make networks.</summary>
    public bool MakesBubbles { get; init; }
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);
}
