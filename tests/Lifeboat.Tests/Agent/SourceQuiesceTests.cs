// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Testing.Quiescing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Agent;

/// <summary>Points of a source by the rules of its policy, over fake guest agents.</summary>
public sealed class SourceQuiesceTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-src").FullName;
    private readonly HeartbeatPage _page;
    private readonly List<(Consistency Reached, string? Evidence, bool Counts)> _cuts = [];

    public SourceQuiesceTests()
    {
        _page = HeartbeatPage.Open(Path.Combine(_directory, "heartbeat"));
        _page.Register(ProcessIdentity.Current);
    }

    [Theory]
    [InlineData(QuiesceFailure.Strict)]
    [InlineData(QuiesceFailure.Degrade)]
    public async Task What_Windows_let_go_of_before_the_cut_is_no_application_consistent_point(QuiesceFailure onFailure)
    {
        await using var windows = new GuestAgentDouble(TimeProvider.System)
        {
            VssLimit = TimeSpan.FromMilliseconds(100),
        };
        var outcome = await TakeAsync(windows, QuiesceRule.Default("db") with { OnFailure = onFailure },
            beforeThaw: TimeSpan.FromMilliseconds(200));
        Assert.Equal((Consistency.Application, false), (_cuts[0].Reached, _cuts[0].Counts));
        Assert.Equal(onFailure == QuiesceFailure.Degrade ? [Consistency.Crash] : [],
            _cuts.Skip(1).Select(c => c.Reached));
        Assert.Single(outcome.Failures);
    }

    [Fact]
    public async Task A_service_that_is_down_costs_a_rung_and_one_slot_however_often_it_is_asked()
    {
        await using var guest = new GuestAgentDouble(TimeProvider.System);
        var name = new Dictionary<string, string> { ["name"] = "x" };
        var away = new QuiesceStep { Provider = "socket", Settings = name };
        var rule = QuiesceRule.Default("db") with { OnFailure = QuiesceFailure.Degrade };
        for (var i = 0; i < 3; i++) await TakeAsync(guest, rule with { Steps = [away, .. rule.Steps] });
        Assert.Equal([true, true, true], _cuts.Select(c => c.Counts && c.Reached == Consistency.FileSystem));
        Assert.Contains("socket: Unreachable", _cuts[0].Evidence, StringComparison.Ordinal);
        Assert.Contains("qemu-ga: froze 2 file systems", _cuts[0].Evidence, StringComparison.Ordinal);
        Assert.Single(_page.Freezes());   // the dead man asks it to go on, as long as that makes sense
        Assert.False(guest.Frozen);
    }

    public void Dispose()
    {
        _page.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task<QuiescedOutcome> TakeAsync(
        GuestAgentDouble guest, QuiesceRule rule, TimeSpan beforeThaw = default)
    {
        var spec = new SourceSpec
        {
            Group = "g", RecoverySite = "b", Epoch = Epoch.First, Target = "", Volumes = [],
            Instances = [new SourceInstance("db", "", guest.Socket)],
            Policy = Policy.Default with { Quiesce = new([rule]) },
        };
        var port = new SourceQuiesce(() => spec, new WatchedQuiesces(QuiesceProviders.Shipped(), _page, _directory,
            Path.Combine(_directory, "tickets"), TimeProvider.System));
        var logger = NullLogger<QuiescedCheckpoint>.Instance;
        return await new QuiescedCheckpoint(port, TimeProvider.System, logger).TakeAsync([new QuiesceMember("db",
            rule.OnFailure!.Value)], TimeSpan.FromSeconds(5), TimeSpan.Zero,
            async (reached, note, confirm, ct) =>
            {
                await Task.Delay(beforeThaw, ct);
                _cuts.Add((reached["db"], note.Evidence?["db"], await confirm()));
                return new CheckpointOutcome(null, TimeSpan.Zero, ReasonCode.None);
            }, CancellationToken.None);
    }
}
