// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing.Databases;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>
/// Two controllers of the recovery site over one PostgreSQL: drills go on when the one that carries them out is killed,
/// or stopped for a while, and when the database is killed.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class ControllersTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan MoveLimit = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Runs_go_on_whichever_controller_or_the_database_dies_and_no_step_is_done_twice()
    {
        if (PostgresServer.Missing is { } missing) Assert.Skip(missing);
        var ct = TestContext.Current.CancellationToken;
        await using var database = await PostgresServer.StartAsync(ct);
        await using var pair = await FieldPair.StartAsync(FieldPairOptions.Plain with
        {
            RecoveryDatabase = await database.CreateDatabaseAsync("site_b", ct),
        }, ct);
        FieldSite[] controllers = [pair.B, await pair.B.AddControllerAsync("c2", ct)];
        await using var vm = await pair.StartGuestAsync("db", OracleWorkload.Default with { LoadWriters = 1 },
            OracleBus.VirtioBlk, [(64L << 20, OracleFileSystem.Raw)], ct);
        await pair.ProtectAsync(vm, ["--checkpoint-interval", "500ms"], ct);
        await pair.UntilProtectedAsync(pair.B, Patience, ct);

        await KilledAsync(pair, controllers, ct);
        await StoppedAsync(pair, controllers, ct);
        await WithoutDatabaseAsync(pair, controllers, database, ct);
        await pair.B.MustAsync(["db", "check"], ct);
        Assert.Empty(await pair.B.AskAsync<IReadOnlyList<SiteInstance>>(["instance", "list"], ct));
    }

    private static async Task KilledAsync(FieldPair pair, FieldSite[] controllers, CancellationToken ct)
    {
        var run = await DrillAsync(pair, ct);
        var (holder, other) = await WhoAsync(pair, controllers, ct);
        // Stopped, so that nobody brings the controller back at once; a dead watchdog would be brought back itself.
        Assert.True(holder.Signal("watchdog", "STOP"));
        Assert.True(holder.Kill("controller"), "the holder does not run");
        var moved = await MovedToAsync(other, ct);
        Assert.True(moved < MoveLimit, $"the lease moved after {moved}");
        await other.MustAsync(["run", "release", $"{run.Id}"], ct);
        await EndsAsync(pair, other, run.Id, faults: 1, ct);
        Assert.True(holder.Signal("watchdog", "CONT"));
        await holder.StartAsync(ct);
        TestContext.Current.SendDiagnosticMessage($"killed: moved after {moved.TotalSeconds:0.0} s");
    }

    private static async Task StoppedAsync(FieldPair pair, FieldSite[] controllers, CancellationToken ct)
    {
        var run = await DrillAsync(pair, ct);
        var (holder, other) = await WhoAsync(pair, controllers, ct);
        Assert.True(holder.Signal("controller", "STOP"), "the holder does not run");
        var moved = await MovedToAsync(other, ct);
        Assert.True(moved < MoveLimit, $"the lease moved after {moved}");
        await other.MustAsync(["run", "release", $"{run.Id}"], ct);
        await EndsAsync(pair, other, run.Id, faults: 1, ct);
        var before = await other.AskAsync<RunInfo>(["run", "get", $"{run.Id}"], ct);
        Assert.True(holder.Signal("controller", "CONT"));
        await Task.Delay(TimeSpan.FromSeconds(3), pair.Time, ct);
        var after = await holder.AskAsync<RunInfo>(["run", "get", $"{run.Id}"], ct);
        Assert.Equal(before.Steps.Select(s => (s.Name, s.State, s.Attempts)),
            after.Steps.Select(s => (s.Name, s.State, s.Attempts)));
        Assert.Equal(RunState.Succeeded, after.State);
        TestContext.Current.SendDiagnosticMessage($"stopped: moved after {moved.TotalSeconds:0.0} s");
    }

    private static async Task WithoutDatabaseAsync(FieldPair pair, FieldSite[] controllers, PostgresServer database,
        CancellationToken ct)
    {
        var run = await DrillAsync(pair, ct);
        await database.KillAsync(ct);
        foreach (var controller in controllers)
        {
            var answer = await controller.RunAsync(["run", "get", $"{run.Id}"], ct);
            Assert.Equal(ReasonCode.DatabaseUnavailable, answer.Reason);
        }
        // Longer than any lease lives.
        await Task.Delay(TimeSpan.FromSeconds(4), pair.Time, ct);
        await database.ResumeAsync(ct);
        while ((await pair.B.RunAsync(["run", "release", $"{run.Id}"], ct)).Reason == ReasonCode.DatabaseUnavailable)
            await Task.Delay(TimeSpan.FromMilliseconds(200), pair.Time, ct);
        await EndsAsync(pair, pair.B, run.Id, faults: 2, ct);
        // The processes are those from before.
        Assert.All(controllers, c => Assert.NotNull(c.ProcessOf("controller")));
    }

    // Until it is held open, which is where each fault finds it: no other step lasts for sure until it is seen.
    private static async Task<RunInfo> DrillAsync(FieldPair pair, CancellationToken ct)
    {
        var run = await pair.B.AskAsync<RunInfo>(["drill", FieldPair.Group, "--hold", "10m", "--no-wait"], ct);
        using var client = new ControllerClient(pair.B.Paths.ControllerSocket);
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            var now = await client.RunAsync(run.Id, ct);
            if (now.Steps.Any(s => s.Name == "hold-open" && s.State is StepState.Running)) return now;
            Assert.False(now.Finished, $"the run ended {now.State}: {now.Detail}");
            Assert.True(Stopwatch.GetElapsedTime(since) < Patience, "the drill was not held open");
            await Task.Delay(TimeSpan.FromMilliseconds(50), pair.Time, ct);
        }
    }

    private static async Task<(FieldSite Holder, FieldSite Other)> WhoAsync(FieldPair pair, FieldSite[] controllers,
        CancellationToken ct)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            var all = await pair.B.AskAsync<IReadOnlyList<ControllerInfo>>(["controller", "list"], ct);
            if (all.Count == 2 && all.FirstOrDefault(c => c.Groups.Contains(FieldPair.Group)) is { } holder)
                return holder.Name == ControllerConfiguration.DefaultName
                    ? (controllers[0], controllers[1]) : (controllers[1], controllers[0]);
            Assert.True(Stopwatch.GetElapsedTime(since) < Patience, "nobody holds the group");
            await Task.Delay(TimeSpan.FromMilliseconds(200), pair.Time, ct);
        }
    }

    // From the fault on; asking takes a while itself.
    private static async Task<TimeSpan> MovedToAsync(FieldSite other, CancellationToken ct)
    {
        var since = Stopwatch.GetTimestamp();
        using var client = new ControllerClient(other.Paths.ControllerSocket);
        while (Stopwatch.GetElapsedTime(since) < Patience)
        {
            var all = await client.ControllersAsync(ct);
            if (all.FirstOrDefault(c => c.IsThis) is { } one && one.Groups.Contains(FieldPair.Group))
                return Stopwatch.GetElapsedTime(since);
            await Task.Delay(TimeSpan.FromMilliseconds(50), ct);
        }
        return Patience;
    }

    /// <param name="faults">Only the step that was under way at a fault may have been begun again.</param>
    private static async Task EndsAsync(FieldPair pair, FieldSite at, Guid run, int faults, CancellationToken ct)
    {
        var since = Stopwatch.GetTimestamp();
        RunInfo? now = null;
        while (now is not { Finished: true })
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < Patience, $"the run did not end: {now?.State}");
            await Task.Delay(TimeSpan.FromMilliseconds(200), pair.Time, ct);
            var answer = await at.RunAsync(["run", "get", $"{run}", "-o", "json"], ct);
            if (answer.ExitCode == (int)ReasonCode.DatabaseUnavailable) continue;
            Assert.True(answer.ExitCode == 0, $"{answer.ExitCode}: {answer.Talk}");
            now = JsonSerializer.Deserialize<RunInfo>(answer.Output, ContractJson.Options);
        }
        var steps = string.Join(", ", now.Steps.Select(s => $"{s.Name} {s.State} {s.Attempts}"));
        Assert.True(now.State is RunState.Succeeded, $"{now.State} {now.Detail}: {steps}");
        Assert.All(now.Steps, s => Assert.Equal(StepState.Succeeded, s.State));
        Assert.True(now.Steps.Sum(s => s.Attempts) <= now.Steps.Count + faults, steps);
        var report = (await at.AskAsync<RunReport>(["report", "get", $"{run}"], ct)).Read();
        Assert.Equal((run, RunState.Succeeded), (report.Run, report.Outcome));
    }
}
