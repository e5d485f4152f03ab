// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>
/// A real site with three guests is emptied with the command, and the controller that does it is killed again and
/// again: every group is moved once, and no guest loses a write.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class EvacuationTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private static readonly string[] Guests = ["g1", "g2", "g3"];

    [Fact]
    public async Task A_site_is_emptied_though_the_controller_is_killed_in_the_middle_and_each_group_moves_once()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        var vms = new List<OracleVm>();
        try
        {
            foreach (var guest in Guests) vms.Add(await StartAsync(pair, guest, ct));
            foreach (var vm in vms) await ProtectAsync(pair, vm, ct);
            foreach (var guest in Guests)
                await pair.B.UntilGroupAsync(guest, FieldSite.IsProtected, Patience, pair.Time, ct);
            await EvacuateAsync(pair, ct);
            foreach (var guest in Guests) await MovedOnceAsync(pair, guest, ct);
            var here = await pair.B.AskAsync<IReadOnlyList<SiteInstance>>(["instance", "list"], ct);
            Assert.Equal(Guests, here.Where(i => i.Power is InstancePower.Running).Select(i => i.Name).Order());
            await pair.B.MustAsync(["db", "check"], ct);
        }
        finally
        {
            foreach (var vm in vms) await vm.DisposeAsync();
        }
    }

    private static async Task EvacuateAsync(FieldPair pair, CancellationToken ct)
    {
        string[] ask = ["evacuation", "start", "--from", "a", "--wave", "1=g1,g2", "--wave", "2=g3", "--parallel", "1"];
        var plan = await pair.B.AskAsync<EvacuationPlan>([.. ask, "--dry-run"], ct);
        Assert.Equal([2, 1], plan.Waves.Select(w => w.Groups.Count));
        Assert.Empty(await pair.B.AskAsync<IReadOnlyList<EvacuationInfo>>(["evacuation", "list"], ct));
        var evacuation = await pair.B.AskAsync<EvacuationInfo>([.. ask, "--no-wait"], ct);
        // In the middle of each of the moves: nobody but the watchdog brings the controller back.
        foreach (var guest in Guests)
        {
            await UntilRunsAsync(pair, evacuation.Id, guest, ct);
            Assert.True(pair.B.Kill("controller"), "the controller does not run");
        }
        await UntilRunsAsync(pair, evacuation.Id, Guests[^1], ct);
        var ended = await pair.B.AskAsync<EvacuationInfo>(["evacuation", "get", $"{evacuation.Id}", "--wait"], ct);
        Assert.True(ended.State is EvacuationState.Succeeded, $"{ended.State} {ended.Detail}: "
            + string.Join("; ", ended.Groups.Select(g => $"{g.Group} {g.State} {g.Reason} {g.Detail}")));
        Assert.All(ended.Groups, g => Assert.Equal(EvacueeState.Moved, g.State));
        TestContext.Current.SendDiagnosticMessage($"three groups moved in {ended.Elapsed.TotalSeconds:0} s, each in "
            + string.Join(", ", ended.Groups.Select(g => $"{g.Took?.TotalSeconds:0} s")));
    }

    // Its run is under way, or is over already.
    private static async Task UntilRunsAsync(FieldPair pair, Guid evacuation, string group, CancellationToken ct)
    {
        var since = pair.Time.GetTimestamp();
        while (true)
        {
            var answer = await pair.B.RunAsync(["evacuation", "get", $"{evacuation}", "-o", "json"], ct);
            // While the controller is not back there is no answer.
            if (answer.Output.Length > 0 && System.Text.Json.JsonSerializer.Deserialize<EvacuationInfo>(answer.Output,
                Contracts.ContractJson.Options)!.Groups.Single(g => g.Group == group).Run is not null) return;
            Assert.True(pair.Time.GetElapsedTime(since) < Patience, $"{group} did not begin: {answer.Talk}");
            await Task.Delay(TimeSpan.FromMilliseconds(300), pair.Time, ct);
        }
    }

    private static async Task MovedOnceAsync(FieldPair pair, string guest, CancellationToken ct)
    {
        Assert.Equal("b", (await pair.B.AskAsync<GroupInfo>(["group", "get", guest], ct)).Definition.PrimarySite);
        var run = Assert.Single(await pair.B.AskAsync<IReadOnlyList<RunInfo>>(["run", "list", "--group", guest], ct));
        Assert.Equal((RunKind.PlannedFailover, RunState.Succeeded), (run.Kind, run.State));
        await pair.Witness.History.WaitForAcksAsync(guest, 20, ct).WaitAsync(Patience, ct);
        var lives = pair.Witness.History.Runs(guest);
        Assert.Equal(2, lives.Count);
        Assert.True(lives[0].LastAcked()!.Value.N <= lives[1].LastAtBoot, $"{guest} has lost writes");
        Assert.Empty(pair.Witness.History.Complaints(guest));
    }

    private static async Task<OracleVm> StartAsync(FieldPair pair, string guest, CancellationToken ct)
    {
        var folder = Directory.CreateDirectory(Path.Combine(pair.Directory, guest)).FullName;
        var disk = new OracleDisk(Path.Combine(folder, "d0.img"), 48L << 20, OracleFileSystem.Raw);
        await disk.CreateAsync(ct);
        var socket = Path.Combine(pair.Directory, $"w{guest}.sock");
        pair.Witness.Listen(guest, socket);
        var vm = await OracleVm.StartAsync(new OracleVmOptions
        {
            Name = guest, Directory = folder, Guest = await OracleGuest.BuildAsync(ct), Disks = [disk],
            Workload = OracleWorkload.Default, WitnessSocket = socket,
        }, ct);
        await pair.Witness.History.WaitForAcksAsync(guest, 20, ct).WaitAsync(Patience, ct);
        return vm;
    }

    private static async Task ProtectAsync(FieldPair pair, OracleVm vm, CancellationToken ct)
    {
        await pair.A.MustAsync(["instance", "adopt", vm.Options.Name, "--qmp", vm.QmpSocket,
            "--guest-agent", vm.GuestAgentSocket], ct);
        await pair.A.MustAsync(["group", "create", vm.Options.Name, "--instance", vm.Options.Name,
            "--recovery-site", "b"], ct);
    }
}
