// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing;
using Lifeboat.Testing.Databases;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Torture;

// Two controllers at b over one PostgreSQL, one at a, real agents, a writing guest. Round after round: a drill, a
// planned failover to b, a reprotect, and home again with a failback. While each is under way its site's controllers
// are killed with kill -9 at moments that the seed draws; their watchdogs bring them back. Every run must end as
// docs/operating/runs.md says.
internal sealed class ControllersRun(TortureOptions options, TortureLog log, FieldPair pair, FieldSite second)
{
    private static readonly TimeSpan RunLimit = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly Prng _prng = new(options.Seed);
    private int _kills;
    private int _moves;
    private int _runs;
    private int _begunAgain;

    /// <returns>0: everything held.</returns>
    public static async Task<int> RunAsync(TortureOptions options, TortureLog log, CancellationToken ct)
    {
        if (PostgresServer.Missing is { } missing)
        {
            log.Say($"cannot run: {missing}");
            return 1;
        }
        await using var database = await PostgresServer.StartAsync(ct);
        await using var pair = await FieldPair.StartAsync(FieldPairOptions.Plain with
        {
            RecoveryDatabase = await database.CreateDatabaseAsync("site_b", ct),
        }, ct);
        var run = new ControllersRun(options, log, pair, await pair.B.AddControllerAsync("c2", ct));
        await run.RunAsync(ct);
        return log.Violations.Count == 0 ? 0 : 1;
    }

    private async Task RunAsync(CancellationToken ct)
    {
        await using var vm = await pair.StartGuestAsync(TortureOptions.Guest,
            OracleWorkload.Default with { LoadWriters = 1, HostName = TortureOptions.Guest }, OracleBus.VirtioBlk,
            [(64L << 20, OracleFileSystem.Raw)], ct);
        await pair.ProtectAsync(vm, ["--checkpoint-interval", "500ms"], ct);
        await pair.UntilProtectedAsync(pair.B, Patience, ct);
        while (_kills < options.Kills && log.Violations.Count == 0)
        {
            await DrillAsync(ct);
            if (_kills >= options.Kills) break;
            await MoveAwayAndBackAsync(ct);
        }
        await pair.B.MustAsync(["db", "check"], ct);
        foreach (var complaint in pair.Witness.History.Complaints(TortureOptions.Guest)) log.Violation(complaint);
        log.Say($"{_kills} controllers killed in {_runs} runs, {_begunAgain} steps begun again by who came after; "
            + $"{log.Violations.Count} violations");
    }

    private async Task DrillAsync(CancellationToken ct)
    {
        var hold = TimeSpan.FromSeconds(_prng.Next(1, 6));
        await RunAsync(pair.B, new StartRunRequest { Kind = RunKind.TestFailover, Hold = hold }, ct);
        var left = await pair.B.AskAsync<IReadOnlyList<SiteInstance>>(["instance", "list"], ct);
        // What ran here in an earlier round is kept as a record of the site; a copy of a drill is not.
        foreach (var copy in left.Where(i => i.Name != TortureOptions.Guest || i.Power is not InstancePower.Stopped))
            log.Violation($"the drill left {copy.Name}, {copy.Power}");
    }

    private async Task MoveAwayAndBackAsync(CancellationToken ct)
    {
        await RunAsync(pair.B, new StartRunRequest { Kind = RunKind.PlannedFailover }, ct);
        await MustRunAtAsync(pair.B, pair.A, ct);
        await RunAsync(pair.B, new StartRunRequest { Kind = RunKind.Reprotect }, ct);
        await pair.UntilProtectedAsync(pair.A, Patience, ct);
        await RunAsync(pair.A, new StartRunRequest { Kind = RunKind.Failback }, ct);
        await MustRunAtAsync(pair.A, pair.B, ct);
        await pair.UntilProtectedAsync(pair.B, Patience, ct);
        // A planned move loses nothing: what was acknowledged before it is there after it.
        var boots = pair.Witness.History.Runs(TortureOptions.Guest);
        for (var i = 1; i < boots.Count; i++)
            if (boots[i - 1].LastAcked() is { } last && last.N > boots[i].LastAtBoot)
                log.Violation($"boot {i} found record {boots[i].LastAtBoot}, {last.N} was acknowledged before");
        if (boots.Count != 1 + 2 * _moves) log.Violation($"{boots.Count} boots for {_moves} moves there and back");
    }

    private async Task MustRunAtAsync(FieldSite here, FieldSite there, CancellationToken ct)
    {
        if (here == pair.B) _moves++;
        async Task<InstancePower?> PowerAsync(FieldSite site) =>
            (await site.AskAsync<IReadOnlyList<SiteInstance>>(["instance", "list"], ct))
            .FirstOrDefault(i => i.Name == TortureOptions.Guest)?.Power;
        var (one, other) = (await PowerAsync(here), await PowerAsync(there));
        if (one is not InstancePower.Running) log.Violation($"the guest is {one} at {here.Name}");
        if (other is InstancePower.Running) log.Violation($"the guest runs at {there.Name} too");
    }

    private async Task RunAsync(FieldSite at, StartRunRequest request, CancellationToken ct)
    {
        FieldSite[] controllers = at == pair.B ? [pair.B, second] : [pair.A];
        request = request with { IdempotencyKey = $"torture-{_runs++}" };
        var run = await AskAsync(controllers, c => c.StartRunAsync(TortureOptions.Group, request, ct), ct);
        var (start, before) = (pair.Time.GetTimestamp(), _kills);
        while (!run.Finished)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_prng.Next(100, 2500)), pair.Time, ct);
            var victim = _prng.Pick(controllers);
            if (_kills < options.Kills && victim.Kill("controller"))
                log.Write("strike", $"KILL {++_kills} {victim.Name} during {request.Kind}");
            if (pair.Time.GetElapsedTime(start) > RunLimit)
            {
                log.Violation($"{request.Kind} {run.Id} did not end: {run.State}");
                return;
            }
            run = await AskAsync(controllers, c => c.RunAsync(run.Id, ct), ct);
        }
        var report = (await AskAsync(controllers, c => c.ReportAsync(run.Id, ct), ct)).Read();
        Judge(run, report, _kills - before);
        // Who was killed last is back by itself before anybody looks at what is left.
        foreach (var site in new[] { pair.A, pair.B, second }) await AskAsync([site], c => c.SiteAsync(ct), ct);
        log.Say($"{request.Kind} {run.State}, {_kills - before} kills, {run.Steps.Sum(s => s.Attempts)} attempts of "
            + $"{run.Steps.Count} steps, {run.Elapsed.TotalSeconds:0.0} s");
    }

    private void Judge(RunInfo run, ReportBody report, int kills)
    {
        var again = run.Steps.Sum(s => s.Attempts) - run.Steps.Count;
        _begunAgain += again;
        if (run.State is not (RunState.Succeeded or RunState.SucceededWithWarnings))
            log.Violation($"{run.Kind} {run.Id} ended {run.State}: {run.Reason} {run.Detail}");
        if (again > kills) log.Violation($"{run.Kind} {run.Id}: {again} steps were begun again after {kills} kills");
        if (report.Run != run.Id || report.Outcome != run.State || report.Steps.Count != run.Steps.Count)
            log.Violation($"{run.Kind} {run.Id}: the report is of something else");
        foreach (var step in report.Steps)
            if (step.Attempts < 1 || step.StartedAt is null || step.Duration is null
                || step.State is not (StepState.Succeeded or StepState.Warned))
                log.Violation($"{run.Kind} {run.Id}: the report of {step.Name} is not whole: {step.State}, "
                    + $"{step.Attempts} attempts, {step.StartedAt}, {step.Duration}");
    }

    // Whichever answers; one that was just killed is back in a moment.
    private async Task<T> AskAsync<T>(FieldSite[] controllers, Func<ControllerClient, Task<T>> ask,
        CancellationToken ct)
    {
        var start = pair.Time.GetTimestamp();
        for (var tries = 0; ; tries++)
        {
            using var client = new ControllerClient(controllers[tries % controllers.Length].Paths.ControllerSocket);
            try
            {
                return await ask(client);
            }
            catch (Exception e) when (e is ProblemException { Reason: ReasonCode.ControllerUnreachable
                or ReasonCode.RequestUnderWay or ReasonCode.RunUnknown } or HttpRequestException
                && pair.Time.GetElapsedTime(start) < Patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), pair.Time, ct);
            }
        }
    }
}
