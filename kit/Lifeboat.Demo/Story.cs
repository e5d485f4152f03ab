// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Demo;

/// <summary>
/// The main job, told with the product's own commands: SET UP → PROTECT → DRILL → DISASTER → FAIL OVER → REPROTECT →
/// FAIL BACK. What is proved is proved by the oracle from recovered disks and by looking at the machine.
/// </summary>
internal sealed partial class Story(StoryOptions options, Ledger ledger, TimeProvider time) : IAsyncDisposable
{
    private readonly FieldSite _a = new("a", Path.Combine(options.Directory, "a"));
    private readonly FieldSite _b = new("b", Path.Combine(options.Directory, "b"));
    private readonly Witness _witness = new(time);

    public static async Task<int> TellAsync(StoryOptions options, CancellationToken ct)
    {
        var ledger = new Ledger();
        var story = new Story(options, ledger, TimeProvider.System);
        var done = false;
        try
        {
            await story.SetUpAsync(ct);
            await story.ProtectAsync(ct);
            var meter = story.MeterHours(ct);
            await story.DrillAsync(ct);
            await meter();
            await story.DisasterAndFailoverAsync(ct);
            await story.ReprotectAsync(ct);
            await story.FailBackAsync(ct);
            await story.AccountAsync(ct);
            done = true;
        }
        catch (Exception e) when
            (e is FieldException or OracleException or ProblemException or OperationCanceledException)
        {
            ledger.Prove("the story was told to its end", false, e.Message);
        }
        ledger.Print();
        story.PrintReports();
        if (options.Keep && done)
        {
            await story.LeaveRunningAsync(ct);
            return ledger.AllProved ? 0 : 1;
        }
        await story.DisposeAsync();
        return ledger.AllProved && done ? 0 : 1;
    }

    public async ValueTask DisposeAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
        await _witness.DisposeAsync();
    }

    private async Task SetUpAsync(CancellationToken ct)
    {
        await ClearAsync();
        Directory.CreateDirectory(options.Directory);
        _witness.Listen(StoryOptions.Instance, options.WitnessSocket);
        await _a.InitAsync(ct);
        await _b.InitAsync(ct);
        await Task.WhenAll(_a.StartAsync(ct), _b.StartAsync(ct));
        await _a.PairWithAsync(_b, ct);
        ledger.Say("two sites are up and paired, each with its own controller, agent and watchdog");
        await StartGuestAsync(ct);
    }

    /// <summary>What an earlier demo left running in this directory ends first.</summary>
    private async Task ClearAsync()
    {
        if (!Directory.Exists(options.Directory)) return;
        await _a.DisposeAsync();
        await _b.DisposeAsync();
        Directory.Delete(options.Directory, recursive: true);
    }

    private void PrintReports()
    {
        foreach (var site in new[] { _a, _b })
        {
            var folder = Path.Combine(site.Directory, "reports");
            if (!Directory.Exists(folder)) continue;
            foreach (var file in Directory.EnumerateFiles(folder, "*.html").Order())
                Console.WriteLine($"report: {file}");
        }
    }

    private async Task LeaveRunningAsync(CancellationToken ct)
    {
        Console.WriteLine($"""

            Both sites are left running. Try:
              kit/lifeboat -d {_a.Directory} status
              kit/lifeboat -d {_b.Directory} drill {StoryOptions.Group}
              kit/lifeboat -d {_b.Directory} point list {StoryOptions.Group} --last 5
              kit/lifeboat -d {_b.Directory} run list
            Ctrl-C here ends the witness; to end the sites and their instances:
              kit/lifeboat -d {_a.Directory} site stop --with-instances
              kit/lifeboat -d {_b.Directory} site stop --with-instances
            """);
        if (Console.IsInputRedirected) return;
        await Task.Delay(Timeout.InfiniteTimeSpan, time, ct).ContinueWith(_ => { }, CancellationToken.None,
            TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private Task<GroupInfo> UntilProtectedAsync(FieldSite site, TimeSpan limit, CancellationToken ct) =>
        site.UntilGroupAsync(StoryOptions.Group, FieldSite.IsProtected, limit, time, ct);
}
