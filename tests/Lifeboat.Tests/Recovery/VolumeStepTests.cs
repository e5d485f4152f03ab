// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Steps;
using Lifeboat.Testing.Recovery;
using Lifeboat.Testing.Sites;

namespace Lifeboat.Tests.Recovery;

public sealed class VolumeStepTests
{
    private static readonly GroupDefinition Books = Definition("data", "logs");
    private readonly RestoresDouble _restores = new("books.data", "books.logs");
    private readonly SimulatedSide _side;
    private readonly Run _run;

    public VolumeStepTests()
    {
        var agent = new AgentDouble("b", "link-b", new AgentNetwork(), TimeProvider.System, Guid.NewGuid);
        _side = new SimulatedSide("b", new SimulatedSite("b", TimeProvider.System), agent, s => s)
        {
            Restores = _restores,
        };
        _run = new Run
        {
            Id = Guid.NewGuid(), Group = "books", Kind = RunKind.TestFailover, Site = "b", State = RunState.Running,
            Input = RunInput.None, Before = Books, CreatedAt = DateTimeOffset.UnixEpoch, Versions = [], Steps = [],
        };
        _run = _run.WithOutput(new PickedPoint(new RecoveryPoint(Guid.NewGuid(), 1, Epoch.First, default,
            Consistency.Crash, PointState.Sealed, null, null, new Dictionary<string, Consistency>()), null));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_restored_is_looked_at_and_goes()
    {
        await _side.SetGroupAsync(Books, Ct);
        var context = await RestoreAsync();
        var looked = await new CheckVolumes().RunAsync(context, Ct);
        Assert.True(looked.Verified);
        Assert.Empty(looked.Warnings);
        await new RemoveRestored().RunAsync(context, Ct);
        await new CheckRestoredGone().RunAsync(context, Ct);
        Assert.Empty(_restores.There);
    }

    [Fact]
    public async Task Volumes_that_are_not_as_they_should_be_fail_the_run_with_all_that_is_wrong()
    {
        await _side.SetGroupAsync(Books, Ct);
        var context = await RestoreAsync();
        _restores.There[0] = _restores.There[0] with { Status = "error_restoring" };
        _restores.There.RemoveAt(1);
        var failed = await Assert.ThrowsAsync<ProblemException>(() => new CheckVolumes().RunAsync(context, Ct));
        Assert.Equal(ReasonCode.VerificationFailed, failed.Reason);
        Assert.Equal(["books.data: volume id-books.data is error_restoring", "books.logs: 0 volumes are there for it"],
            failed.Errors!);
    }

    [Fact]
    public async Task A_volume_that_the_point_is_older_than_is_a_warning_and_one_that_stays_is_a_trace()
    {
        await _side.SetGroupAsync(Definition("data", "logs", "new"), Ct);
        var context = await RestoreAsync();
        Assert.Contains("books.new", Assert.Single((await new CheckVolumes().RunAsync(context, Ct)).Warnings));
        _restores.Clings = true;
        await new RemoveRestored().RunAsync(context, Ct);
        var left = await Assert.ThrowsAsync<ProblemException>(() => new CheckRestoredGone().RunAsync(context, Ct));
        Assert.Contains("id-books.logs", left.Detail);
        _restores.Clings = false;
        await new RestoreVolumes(Copies: true).UndoAsync(context, Ct);
        await new CheckRestoredGone().RunAsync(context, Ct);
    }

    [Theory]
    [InlineData(RunKind.TestFailover, "pick-point restore-volumes check-volumes remove-restored unpin-point "
        + "check-restored-gone")]
    [InlineData(RunKind.Failover, "pick-point raise-epoch restore-volumes check-volumes unpin-point commit")]
    [InlineData(RunKind.PlannedFailover, "check-both-sites cut-clean-point pick-point stop-source raise-epoch "
        + "restore-volumes check-volumes unpin-point commit")]
    [InlineData(RunKind.Reprotect, "check-peer raise-epoch stop-source accept-replica start-source wait-sealed")]
    public void Groups_of_volumes_have_recipes_of_their_own(RunKind kind, string steps) => Assert.Equal(steps,
        string.Join(' ', RecoveryPlan.For(kind, Books, RunInput.None, protectedNow: true)
            .Select(p => StepCatalog.NameOf(p.Step))));

    [Theory]
    [InlineData(RunKind.TestFailover, "pick-point restore-volumes check-volumes remove-restored unpin-point "
        + "check-restored-gone")]
    [InlineData(RunKind.Failover, "pick-point raise-epoch take-over-volumes check-volumes unpin-point commit")]
    [InlineData(RunKind.PlannedFailover, "check-both-sites cut-last-point pick-point raise-epoch take-over-volumes "
        + "check-volumes stop-source unpin-point commit")]
    [InlineData(RunKind.Reprotect, "check-peer raise-epoch stop-source accept-replica start-source wait-sealed")]
    public void Groups_of_a_mirrored_pool_have_recipes_of_their_own(RunKind kind, string steps) => Assert.Equal(steps,
        string.Join(' ', RecoveryPlan.For(kind, Books with
        {
            Policy = Books.Policy with { Source = ChangeSource.PoolMirror },
        }, RunInput.None, protectedNow: true).Select(p => StepCatalog.NameOf(p.Step))));

    [Fact]
    public void The_site_that_is_left_by_a_failover_is_not_asked_and_there_is_no_fork()
    {
        var raise = RecoveryPlan.For(RunKind.Failover, Books, RunInput.None, protectedNow: true)
            .Select(p => p.Step).OfType<RaiseEpoch>().Single();
        Assert.Equal(["b"], raise.Sites);
        Assert.False(raise.Forks);
    }

    private async Task<StepContext> RestoreAsync()
    {
        var outcome = await new RestoreVolumes(Copies: true).RunAsync(Context(_run), Ct);
        return Context(_run.WithOutput(outcome.Output!));
    }

    private StepContext Context(Run run) =>
        new(run, _side, _ => _side, TimeProvider.System, CancellationToken.None, (_, _) => { });

    private static GroupDefinition Definition(params string[] disks) => new()
    {
        Name = "books",
        Version = 1,
        Epoch = Epoch.First,
        PrimarySite = "a",
        RecoverySite = "b",
        Policy = Policy.Default with
        {
            Source = ChangeSource.Backup, SourcePeriod = TimeSpan.FromHours(1), RpoTarget = TimeSpan.FromHours(2),
        },
        Members =
        [
            new GroupMember("books", MemberKind.VolumeOnly, 0, new InstanceDescription
            {
                Name = "books", Cpus = 0, MemoryMiB = 0,
                Disks = [.. disks.Select((d, i) => new InstanceDisk(d, "virtio", i, 1 << 30, d))],
                CloudVolumes = [.. disks.Select(d => new CloudDisk(d, d, d, 1, null, null))],
            }, [.. disks.Select((d, i) => new GroupVolume((ushort)i, $"books.{d}", "books", d, 1 << 30))]),
        ],
    };
}
