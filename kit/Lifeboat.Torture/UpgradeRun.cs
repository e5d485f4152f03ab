// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing.Databases;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Torture;

// Two sites of another release with a writing guest, a group with points, a drill that is over and one that is held.
// Then this release takes them over, one process after another, and after each step everything must go on:
//
//   b stopped, a's outbox spills ──► b new, a old ──► a's controller new, its agent old ──► all new, from a's old log
//   every point that was there reads as before; the held drill ends; a new point is whole; a planned move loses nothing
internal sealed class UpgradeRun(TortureLog log, FieldPair pair, OracleVm vm, string release)
{
    private const string Group = TortureOptions.Group;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    // A record is durable before the witness hears of it.
    private static readonly TimeSpan Hearsay = TimeSpan.FromSeconds(2);
    private readonly TimeProvider _time = pair.Time;

    /// <returns>0: everything held.</returns>
    public static async Task<int> RunAsync(TortureOptions options, TortureLog log, CancellationToken ct)
    {
        if (options.Release is not { } release || !File.Exists(release))
        {
            log.Say("cannot run: --release is to name the lifeboat.dll of another release; kit/upgrade-test makes one");
            return 1;
        }
        if (options.Postgres && PostgresServer.Missing is { } missing)
        {
            log.Say($"cannot run: {missing}");
            return 1;
        }
        await using var database = options.Postgres ? await PostgresServer.StartAsync(ct) : null;
        await using var pair = await FieldPair.StartAsync(FieldPairOptions.Plain with
        {
            Command = release,
            RecoveryDatabase = database is null ? null : await database.CreateDatabaseAsync("site_b", ct),
        }, ct);
        await using var vm = await pair.StartGuestAsync(TortureOptions.Guest,
            OracleWorkload.Default with { LoadWriters = 1, HostName = TortureOptions.Guest }, OracleBus.VirtioBlk,
            [(64L << 20, OracleFileSystem.Ext4), (24L << 20, OracleFileSystem.Raw)], ct);
        await new UpgradeRun(log, pair, vm, release).RunAsync(ct);
        foreach (var complaint in pair.Witness.History.Complaints(TortureOptions.Guest)) log.Violation(complaint);
        log.Say($"{log.Violations.Count} violations");
        return log.Violations.Count == 0 ? 0 : 1;
    }

    private async Task RunAsync(CancellationToken ct)
    {
        var (point, digest, over, held) = await FillAsync(ct);

        log.Say("site b is upgraded: a ships to it as before");
        await pair.B.MustAsync(["site", "stop"], ct);
        await UntilSpilledAsync(ct);
        pair.B.Command = FieldSite.BuiltCommand;
        await pair.B.StartAsync(ct);
        await pair.B.MustAsync(["db", "check"], ct);
        await MustEndAsync(held, ct);
        await MustBeThereAsync(point, digest, over, ct);
        await ChangePolicyAsync(TimeSpan.FromSeconds(21), ct);
        await ProveNewPointAsync("b new, a old", ct);

        log.Say("site a's controller is upgraded, its agent is not");
        await ReplaceControllerAsync(ct);
        await pair.A.MustAsync(["db", "check"], ct);
        await ChangePolicyAsync(TimeSpan.FromSeconds(22), ct);
        await ProveNewPointAsync("a's controller new, its agent old", ct);

        log.Say("site a's agent is upgraded, from the log that the former one spilled to");
        await pair.B.MustAsync(["site", "stop"], ct);
        await UntilSpilledAsync(ct);
        pair.A.KillEverything();
        await pair.A.StartAsync(ct);
        await pair.B.StartAsync(ct);
        await pair.A.MustAsync(["db", "check"], ct);
        await ChangePolicyAsync(TimeSpan.FromSeconds(23), ct);
        await MustBeThereAsync(point, digest, over, ct);
        await ProveNewPointAsync("all new", ct);
        await MoveAsync(ct);
    }

    /// <summary>By the other release: rows of every kind that it knows, and points.</summary>
    private async Task<(Guid Point, string Digest, Guid Over, Guid Held)> FillAsync(CancellationToken ct)
    {
        await pair.A.MustAsync(["instance", "adopt", TortureOptions.Guest, "--qmp", vm.QmpSocket,
            "--guest-agent", vm.GuestAgentSocket], ct);
        await pair.A.MustAsync(["group", "create", Group, "--instance", TortureOptions.Guest, "--recovery-site", "b",
            "--checkpoint-interval", "500ms", "--outbox-mib", "4", "--outbox-log-mib", "256"], ct);
        await UntilProtectedAsync(pair.A, ct);
        var made = await AskAsync(pair.A, ct, "point", "create", Group, "--quiesce", "--label", "before-upgrade");
        var point = made.GetProperty("point").GetProperty("id").GetGuid();
        await pair.B.MustAsync(["point", "pin", Group, $"{point}", "before-upgrade"], ct);
        var digest = await DigestAsync(point, ct);
        var over = (await AskAsync(pair.B, ct, "drill", Group)).GetProperty("id").GetGuid();
        var held = (await AskAsync(pair.B, ct, "drill", Group, "--hold", "1h", "--no-wait")).GetProperty("id")
            .GetGuid();
        await UntilAsync("the drill is held", async () => (await AskAsync(pair.B, ct, "run", "get", $"{held}"))
            .GetProperty("steps").EnumerateArray().Any(s => s.GetProperty("name").GetString() == "hold-open"
                && s.GetProperty("state").GetString() == "running"), ct);
        log.Say($"filled by {release}: point {point}, digest {digest}, drills {over} (over) and {held} (held)");
        return (point, digest, over, held);
    }

    /// <summary>Until what site a cannot ship is in its log on disk.</summary>
    private Task UntilSpilledAsync(CancellationToken ct) => UntilAsync("the outbox spills to its log", async () =>
        (await AskAsync(pair.A, ct, "group", "get", Group)).TryGetProperty("source", out var source)
        && source.GetProperty("outbox").GetProperty("logBytes").GetInt64() > 0, ct);

    // Its watchdog is only stopped: a dead one would be brought back, and bring back the controller of its release.
    private async Task ReplaceControllerAsync(CancellationToken ct)
    {
        if (!pair.A.Signal("watchdog", "STOP") || !pair.A.Kill("controller"))
            throw new FieldException("site a's watchdog or controller does not run");
        pair.A.Command = FieldSite.BuiltCommand;
        using var started = Process.Start("/bin/sh", ["-c",
            "exec setsid dotnet \"$0\" controller --site-dir \"$1\" >>\"$2\" 2>&1 </dev/null",
            FieldSite.BuiltCommand, pair.A.Directory, pair.A.Paths.LogFile("controller")]);
        await UntilAsync("a's new controller answers", async () =>
            (await pair.A.RunAsync(["site", "get"], ct)).ExitCode == 0, ct);
    }

    private async Task MustEndAsync(Guid held, CancellationToken ct)
    {
        await pair.B.MustAsync(["run", "release", $"{held}"], ct);
        RunInfo? run = null;
        await UntilAsync("the held drill ends", async () =>
            (run = await pair.B.AskAsync<RunInfo>(["run", "get", $"{held}"], ct)).Finished, ct);
        if (run!.State is not RunState.Succeeded) log.Violation($"the held drill ended {run.State}: {run.Detail}");
        var left = await AskAsync(pair.B, ct, "instance", "list");
        if (left.GetArrayLength() > 0) log.Violation($"the held drill left {left}");
    }

    private async Task MustBeThereAsync(Guid point, string digest, Guid over, CancellationToken ct)
    {
        await UntilProtectedAsync(pair.A, ct);
        var now = await DigestAsync(point, ct);
        if (now != digest) log.Violation($"the point of before reads {now}, was {digest}");
        var report = (await pair.B.AskAsync<RunReport>(["report", "get", $"{over}"], ct)).Read();
        if (report.Run != over || report.Outcome is not RunState.Succeeded)
            log.Violation($"the report of the drill of before says {report.Run} {report.Outcome}");
        log.Say("the point, its pin and the report of before are there");
    }

    /// <summary>A change made at a is known at b, and its agent acts by it.</summary>
    private async Task ChangePolicyAsync(TimeSpan rpo, CancellationToken ct)
    {
        await UntilProtectedAsync(pair.A, ct);
        await pair.A.MustAsync(["group", "policy", Group, "--rpo",
            string.Create(CultureInfo.InvariantCulture, $"{rpo.TotalSeconds:0}s")], ct);
        string file = Path.Combine(pair.A.Paths.AgentState, "sources", Group + ".json");
        await UntilAsync($"an RPO target of {rpo} is everywhere", async () =>
            (await AskAsync(pair.B, ct, "group", "get", Group)).GetProperty("definition").GetProperty("policy")
                .GetProperty("rpoTarget").GetString() == $"{rpo}"
            && (await File.ReadAllTextAsync(file, ct)).Contains($"\"{rpo}\"", StringComparison.Ordinal), ct);
    }

    private async Task ProveNewPointAsync(string when, CancellationToken ct)
    {
        await UntilProtectedAsync(pair.A, ct);
        var made = await AskAsync(pair.A, ct, "point", "create", Group, "--quiesce", "--label", "new");
        if (!made.GetProperty("sealed").GetBoolean()) log.Violation($"{when}: the point was not sealed");
        var point = made.GetProperty("point").GetProperty("id").GetGuid();
        var cut = made.GetProperty("point").GetProperty("cutAt").GetDateTimeOffset();
        var proof = await pair.ProveAsync(pair.B, point, vm, new OracleExpectation
        {
            CutAt = cut, NothingAfter = cut + Hearsay, MustEndWithMark = true,
        }, ct);
        if (!proof.Holds) log.Violation($"{when}: point {point}: {string.Join("; ", proof.Lines())}");
        else log.Say($"{when}: point {point} is proved");
    }

    private async Task MoveAsync(CancellationToken ct)
    {
        var run = await pair.B.AskAsync<RunInfo>(["failover", Group, "--planned"], ct);
        if (run.State is not (RunState.Succeeded or RunState.SucceededWithWarnings))
            log.Violation($"the planned move ended {run.State}: {run.Detail}");
        await pair.Witness.History.WaitForAcksAsync(TortureOptions.Guest, 50, ct).WaitAsync(Patience, ct);
        var boots = pair.Witness.History.Runs(TortureOptions.Guest);
        if (boots[^2].LastAcked() is { } last && last.N > boots[^1].LastAtBoot)
            log.Violation($"the planned move lost records {boots[^1].LastAtBoot} to {last.N}");
        log.Say($"moved to b in {run.Elapsed.TotalSeconds:0.0} s, nothing lost");
    }

    private async Task<string> DigestAsync(Guid point, CancellationToken ct) => (await AskAsync(pair.B, ct, "point",
        "digest", Group, "--point", $"{point}")).GetProperty("digest").GetString()!;

    private Task UntilProtectedAsync(FieldSite site, CancellationToken ct)
    {
        var since = _time.GetUtcNow();
        return UntilAsync($"{site.Name} says protected, with a new point", async () =>
            await AskAsync(site, ct, "group", "get", Group) is var group
            && group.GetProperty("state").GetString() == "protected"
            && group.TryGetProperty("newestPoint", out var newest)
            && newest.GetProperty("cutAt").GetDateTimeOffset() > since, ct);
    }

    // Another release's answers have other fields than this one's contracts.
    private static async Task<JsonElement> AskAsync(FieldSite site, CancellationToken ct, params string[] arguments) =>
        JsonSerializer.Deserialize<JsonElement>(await site.MustAsync([.. arguments, "-o", "json"], ct),
            ContractJson.Answers);

    private async Task UntilAsync(string what, Func<Task<bool>> holds, CancellationToken ct)
    {
        var start = _time.GetTimestamp();
        string? said = null;
        while (true)
        {
            try
            {
                if (await holds()) return;
            }
            catch (FieldException e)
            {
                said = e.Message;
            }
            if (_time.GetElapsedTime(start) > Patience)
                throw new FieldException($"not within {Patience.TotalSeconds:0} s: {what} {said}");
            await Task.Delay(TimeSpan.FromMilliseconds(300), _time, ct);
        }
    }
}
