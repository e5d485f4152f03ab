// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Tests.Qemu;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Agent;

public sealed class DeadManTests : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-dead").FullName;
    private readonly HeartbeatPage _page;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<string> _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _running = Task.CompletedTask;

    public DeadManTests() => _page = HeartbeatPage.Open(Path.Combine(_directory, "heartbeat"));

    [Fact]
    public async Task Thaws_at_the_deadline_of_a_living_agent_and_not_before()
    {
        await using var guest = Guest();
        _page.Register(ProcessIdentity.Current);
        var deadline = TimeProvider.System.GetUtcNow() + TimeSpan.FromMilliseconds(600);
        _page.Announce(guest.Path, deadline);

        Start([]);
        var asked = await _asked.Task.WaitAsync(TimeSpan.FromSeconds(5));

        Assert.Contains("guest-fsfreeze-thaw", asked);
        Assert.True(TimeProvider.System.GetUtcNow() >= deadline);
        await UntilClearedAsync();
    }

    [Fact]
    public async Task Thaws_at_once_what_a_dead_agent_has_frozen()
    {
        await using var guest = Guest();
        _page.Register(ProcessIdentity.Current with { StartTicks = 1 });
        _page.Announce(guest.Path, TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1));

        Start([]);

        Assert.Contains("guest-fsfreeze-thaw", await _asked.Task.WaitAsync(TimeSpan.FromSeconds(5)));
        await UntilClearedAsync();
    }

    [Fact]
    public async Task A_new_agent_thaws_what_its_predecessor_has_left()
    {
        await using var guest = Guest();
        var left = _page.Announce(guest.Path, TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1))!.Value;
        _page.Register(ProcessIdentity.Current);

        Start([left]);

        Assert.Contains("guest-fsfreeze-thaw", await _asked.Task.WaitAsync(TimeSpan.FromSeconds(5)));
        await UntilClearedAsync();
    }

    [Theory]
    [InlineData("paused", true)]
    [InlineData("shutdown", false)] // it ended meanwhile: not ours to start
    public async Task An_instance_that_a_dead_agent_has_paused_goes_on(string status, bool continues)
    {
        await using var instance = new ScriptedPeer(ScriptedPeer.Qmp(async c =>
        {
            Assert.Contains("query-status", await c.HearAsync());
            await c.SayAsync($$$"""{"return": {"running": false, "status": "{{{status}}}"}, "id": 2}""");
            if (!continues) return;
            var asked = await c.HearAsync();
            await c.SayAsync("""{"return": {}, "id": 3}""");
            _asked.SetResult(asked);
        }));
        _page.Register(ProcessIdentity.Current with { StartTicks = 1 });
        _page.Announce(Freeze.PauseOf(instance.Path), TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1));

        Start([]);

        if (continues) Assert.Contains("\"cont\"", await _asked.Task.WaitAsync(TimeSpan.FromSeconds(5)));
        await UntilClearedAsync();
    }

    [Fact]
    public async Task A_guest_that_is_gone_needs_no_thaw()
    {
        _page.Announce("/nonexistent/ga.sock", TimeProvider.System.GetUtcNow());

        Start([]);

        await UntilClearedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _page.Dispose();
        _stop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private void Start(IReadOnlyList<Freeze> orphans) =>
        _running = new DeadMan(_page, TimeProvider.System, NullLogger<DeadMan>.Instance).RunAsync(orphans, _stop.Token);

    private async Task UntilClearedAsync()
    {
        for (var i = 0; i < 200 && _page.Freezes().Count > 0; i++) await Task.Delay(25);
        Assert.Empty(_page.Freezes());
    }

    private ScriptedPeer Guest() => new(async c =>
    {
        var sync = JsonDocument.Parse((await c.HearAsync())[1..]).RootElement;
        var id = sync.GetProperty("arguments").GetProperty("id").GetInt64();
        await c.SayAsync([0xFF, .. System.Text.Encoding.UTF8.GetBytes($"{{\"return\": {id}}}\n")]);
        var asked = await c.HearAsync();
        await c.SayAsync("""{"return": 2}""");
        _asked.SetResult(asked);
        await c.StayAsync();
    });
}
