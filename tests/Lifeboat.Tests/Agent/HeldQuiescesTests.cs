// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;
using Lifeboat.Testing.Quiescing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Agent;

/// <summary>Quiesces by request, over fake guest agents: order, all or none, the dead man, thaws that may be repeated.
/// </summary>
public sealed class HeldQuiescesTests : IAsyncDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-held").FullName;
    private readonly HeartbeatPage _page;
    private readonly List<string> _ran = [];
    private readonly GuestAgentDouble _db, _web;
    private readonly HeldQuiesces _held;

    public HeldQuiescesTests()
    {
        _page = HeartbeatPage.Open(Path.Combine(_directory, "heartbeat"));
        _page.Register(ProcessIdentity.Current);
        (_db, _web) = (Guest("db"), Guest("web"));
        _held = new HeldQuiesces(new WatchedQuiesces(QuiesceProviders.Shipped(), _page, _directory, Tickets,
            TimeProvider.System), TimeProvider.System, NullLogger<HeldQuiesces>.Instance);
    }

    private string Tickets => Path.Combine(_directory, "tickets");

    [Fact]
    public async Task A_group_is_held_in_order_and_thawed_in_reverse_however_often_it_is_asked()
    {
        var request = Request(allOrNone: true, Member("web", _web, order: 2), Member("db", _db, order: 1));
        var info = await _held.BeginAsync(request, None);
        Assert.Equal((true, Consistency.Application), (info.Held, info.Reached));
        Assert.True(_db.Frozen && _web.Frozen);
        Assert.Equal(2, Directory.GetFiles(Tickets).Length);
        Assert.Equal(info.Id, (await _held.BeginAsync(request, None)).Id);
        Assert.Equal(info.Id, Assert.Single(_held.Open()).Id);

        var thawed = await _held.EndAsync(new ReleaseRequest(info.Id, "shop", request.Members), None);

        Assert.True(thawed.Held, string.Join('\n', thawed.Members.SelectMany(m => m.Evidence)));
        Assert.Equal(["db quiesce", "web quiesce", "web thaw", "db thaw"], _ran);
        Assert.Equal(thawed, await _held.EndAsync(new ReleaseRequest(info.Id, "shop", request.Members), None));
        Assert.Empty(_held.Open());
        Assert.Empty(_page.Freezes());
        Assert.Empty(Directory.GetFiles(Tickets));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_one_fails_all_go_on_or_the_others_are_held_and_it_is_said(bool allOrNone)
    {
        var request = Request(allOrNone, Member("db", _db, order: 1),
            Member("web", _web, order: 2, QuiesceFailure.Degrade, quiesce: "fail"));
        if (allOrNone)
        {
            var refused = await Assert.ThrowsAsync<ProblemException>(() => _held.BeginAsync(request, None));
            Assert.Equal(ReasonCode.QuiesceFailed, refused.Reason);
            Assert.Contains(refused.Errors!, e => e.Contains("exit code 1", StringComparison.Ordinal));
            Assert.False(_db.Frozen || _web.Frozen);
            Assert.Empty(_page.Freezes());
            return;
        }
        var info = await _held.BeginAsync(request, None);
        Assert.Equal([Consistency.Application, Consistency.FileSystem], info.Members.Select(m => m.Reached));
        Assert.Equal((Consistency.FileSystem, ReasonCode.QuiesceFailed), (info.Reached, info.Members[1].Reason));
        Assert.True((await _held.EndAsync(new ReleaseRequest(null, "shop", request.Members), None)).Members[0].Held);
    }

    [Fact]
    public async Task The_dead_man_undoes_all_steps_by_the_ticket_and_the_instance_can_be_held_again()
    {
        using var stop = new CancellationTokenSource();
        var deadMan = new DeadMan(_page, TimeProvider.System, NullLogger<DeadMan>.Instance).RunAsync([], stop.Token);
        var request = Request(true, Member("db", _db)) with { Limit = TimeSpan.FromSeconds(1) };
        await _held.BeginAsync(request, None);
        for (var i = 0; i < 400 && _page.Freezes().Count > 0; i++) await Task.Delay(25, None);
        Assert.False(_db.Frozen);
        Assert.Equal(["db quiesce", "db thaw"], _ran);
        Assert.Empty(Directory.GetFiles(Tickets));
        Assert.False(Assert.Single(_held.Open()).Held);

        var again = request with { Id = Guid.NewGuid(), Limit = TimeSpan.FromSeconds(20) };
        Assert.True((await _held.BeginAsync(again, None)).Held);
        var late = await _held.EndAsync(new ReleaseRequest(request.Id, "shop", request.Members), None);
        Assert.False(late.Held);
        Assert.True(_db.Frozen);   // the late thaw of the first does not end the second
        Assert.True((await _held.EndAsync(new ReleaseRequest(again.Id, "shop", request.Members), None)).Held);
        await stop.CancelAsync();
        await deadMan;
    }

    [Fact]
    public async Task An_instance_is_held_once_and_a_caller_who_goes_leaves_nothing_held()
    {
        var first = Request(true, Member("db", _db));
        await _held.BeginAsync(first, None);
        await Assert.ThrowsAsync<ProblemException>(() => _held.BeginAsync(first with { Id = Guid.NewGuid() }, None));
        Assert.True(_db.Frozen);
        await _held.EndAsync(new ReleaseRequest(null, "shop", first.Members), None);
        Assert.False(_db.Frozen);

        using var gone = new CancellationTokenSource();
        var slow = Request(true, Member("db", _db), Member("web", _web, 1, quiesce: "hang-up"));
        _hangUp = gone.Cancel;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _held.BeginAsync(slow, gone.Token));
        Assert.False(_db.Frozen || _web.Frozen);
        Assert.Empty(_page.Freezes());
    }

    [Fact]
    public async Task What_is_wrong_is_told_all_at_once_and_nothing_is_asked()
    {
        var request = Request(true, Member("db", _db)) with { Limit = TimeSpan.FromHours(1) };
        var rule = request.Members[0].Rule with { Steps = [new() { Provider = "vms" }] };
        var bad = request.Members[0] with { Rule = rule };
        var refused = await Assert.ThrowsAsync<ProblemException>(
            () => _held.BeginAsync(request with { Members = [bad] }, None));
        Assert.Equal((ReasonCode.InvalidRequest, 2), (refused.Reason, refused.Errors!.Count));
        Assert.Empty(_ran);
    }

    private Action? _hangUp;

    public async ValueTask DisposeAsync()
    {
        await _db.DisposeAsync();
        await _web.DisposeAsync();
        _page.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private GuestAgentDouble Guest(string name) => new(TimeProvider.System)
    {
        Run = command =>
        {
            var what = command.Split('\n')[^1];
            _ran.Add($"{name} {what}");
            if (what == "hang-up") _hangUp!();
            return (what == "fail" ? 1 : 0, what);
        },
    };

    private static HoldRequest Request(bool allOrNone, params HoldMember[] members) =>
        new(Guid.NewGuid(), "shop", members, TimeSpan.FromSeconds(20), allOrNone);

    private static HoldMember Member(string name, GuestAgentDouble guest, int order = 0,
        QuiesceFailure onFailure = QuiesceFailure.Strict, string quiesce = "quiesce") => new(name, guest.Socket,
        new QuiesceRule
        {
            Instance = name, Order = order, OnFailure = onFailure,
            Steps =
            [
                new() { Provider = "guest-script", Settings = new Dictionary<string, string>
                {
                    ["quiesce"] = quiesce, ["thaw"] = "thaw",
                } },
                new() { Provider = "qemu-ga" },
            ],
        });
}
