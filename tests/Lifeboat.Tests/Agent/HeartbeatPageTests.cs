// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;

namespace Lifeboat.Tests.Agent;

public sealed class HeartbeatPageTests : IDisposable
{
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("lb-page").FullName, "heartbeat");

    [Fact]
    public void Two_processes_see_one_page()
    {
        using var agent = HeartbeatPage.Open(_path);
        using var watchdog = HeartbeatPage.Open(_path);

        agent.Register(ProcessIdentity.Current);
        agent.Bump();

        Assert.Equal(1, watchdog.Counter);
        Assert.Equal(ProcessIdentity.Current, watchdog.Agent);
        Assert.True(watchdog.Agent.IsAlive);
    }

    [Fact]
    public void An_announced_freeze_survives_the_one_who_announced_it()
    {
        var deadline = DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_123);
        using (var agent = HeartbeatPage.Open(_path)) agent.Announce("/run/ga.sock", deadline);

        using var successor = HeartbeatPage.Open(_path);
        var freeze = Assert.Single(successor.Freezes());

        Assert.Equal(new Freeze(0, deadline, "/run/ga.sock"), freeze);
        successor.Clear(freeze);
        Assert.Empty(successor.Freezes());
    }

    [Fact]
    public void A_deadline_between_two_milliseconds_is_found_again_as_it_was_announced()
    {
        using var page = HeartbeatPage.Open(_path);

        var announced = page.Announce("/a", DateTimeOffset.UnixEpoch.AddTicks(12_345_678))!.Value;

        Assert.Contains(announced, page.Freezes());
    }

    [Fact]
    public void A_slot_that_was_given_anew_is_not_cleared_by_its_former_owner()
    {
        using var page = HeartbeatPage.Open(_path);
        var first = page.Announce("/a", DateTimeOffset.FromUnixTimeMilliseconds(1000))!.Value;
        page.Clear(first);
        page.Announce("/b", DateTimeOffset.FromUnixTimeMilliseconds(2000));

        page.Clear(first);

        Assert.Equal("/b", Assert.Single(page.Freezes()).GuestAgentSocket);
    }

    [Fact]
    public void What_cannot_be_announced_is_said_so()
    {
        using var page = HeartbeatPage.Open(_path);
        for (var i = 0; i < HeartbeatPage.FreezesMax; i++)
            Assert.NotNull(page.Announce($"/{i}", DateTimeOffset.FromUnixTimeMilliseconds(i + 1)));

        Assert.Null(page.Announce("/more", DateTimeOffset.FromUnixTimeMilliseconds(1)));
        Assert.Null(page.Announce(new string('x', 300), DateTimeOffset.FromUnixTimeMilliseconds(1)));
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);
}
