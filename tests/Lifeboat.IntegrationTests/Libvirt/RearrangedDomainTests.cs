// SPDX-License-Identifier: Apache-2.0
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.IntegrationTests.Libvirt;

/// <summary>
/// What libvirt does between two commands of one conversation of ours: it puts an overlay on the disk, and the guest
/// goes on writing. Each place in the conversation is tried, one after the other.
/// </summary>
public sealed class RearrangedDomainTests
{
    private const int Step = 64 << 10;
    private readonly List<string> _commands = [];
    private Func<Task>? _interference;
    private int _left;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_snapshot_between_any_two_of_our_commands_loses_no_write() => MeetEverywhereAsync("a snapshot",
        domain => domain.SnapshotAsync($"s{Guid.NewGuid():n}"));

    [Fact]
    public Task An_agent_that_ends_between_any_two_of_its_commands_loses_no_write() => MeetEverywhereAsync("the end",
        _ => throw new QmpException(QmpFault.Closed, "the agent has ended"));

    private async Task MeetEverywhereAsync(string what, Func<CapturedDomain, Task> interfere)
    {
        await using var domain = await CapturedDomain.StartAsync(QmpOptions.Default with { Before = ComeBetweenAsync });
        var image = await domain.CaptureAsync();
        Func<Task> met = async () =>
        {
            await domain.WriteAsync(Step, Step);
            await interfere(domain);
            await domain.WriteAsync(Step, Step);
        };
        var (again, at, known) = (true, 1, 0);
        for (; again; at++)
        {
            again = await MeetAsync(at, met, () => domain.Tap.DetachAsync(Ct));
            var when = $"after {what} before command {at} of a detach, {string.Join(", ", _commands)}";
            await domain.WriteAsync(2 * Step, Step);
            image.ForgetFresh();
            known += await CatchUpAsync(domain, image, when);

            await domain.Tap.DetachAsync(Ct);
            await domain.WriteAsync(3 * Step, Step);
            image.ForgetFresh();
            again |= await MeetAsync(at, met, () => domain.AttachAsync(image));
            when = $"after {what} before command {at} of an attach, {string.Join(", ", _commands)}";
            await domain.WriteAsync(4 * Step, Step);
            image.ForgetFresh();
            known += await CatchUpAsync(domain, image, when);
            await ShortenAsync(domain);
        }
        // Of two in each round: most places are in nobody's way.
        Assert.True(known > at, $"{known} gaps were known in {at - 1} rounds");
    }

    [Fact]
    public async Task A_snapshot_in_the_middle_of_a_moment_ends_it()
    {
        await using var domain = await CapturedDomain.StartAsync(QmpOptions.Default);
        await domain.WriteAsync(Step, Step);
        var refused = await Assert.ThrowsAsync<TapException>(() => domain.Monitor.RearrangeAsync(async qmp =>
        {
            var moment = await domain.Tap.PrepareMomentAsync(qmp, Guid.NewGuid(), (name, length) =>
            {
                using var file = File.Create(domain.PathOf(name));
                file.SetLength(length);
                return file.Name;
            }, () => { }, Ct);
            await domain.SnapshotAsync("between");
            await domain.WriteAsync(2 * Step, Step);
            await domain.Tap.FixMomentAsync(qmp, moment, Ct);
            await domain.WriteAsync(3 * Step, Step);
            return await domain.Tap.FinishMomentAsync(qmp, moment, Ct);
        }, waits: false, Ct));
        Assert.Equal(TapFault.Refused, refused.Fault);
        await domain.Monitor.RearrangeAsync(qmp => domain.Tap.EndMomentAsync(qmp, Ct), waits: true, Ct);
        for (var area = 1; area <= 3; area++) await domain.AssertReadsAsync(area * Step, Step);
        await domain.WriteAsync(4 * Step, Step);
    }

    [Fact]
    public async Task Whoever_rearranges_waits_for_libvirt_or_is_refused_while_others_ask()
    {
        await using var domain = await CapturedDomain.StartAsync(QmpOptions.Default);
        var image = await domain.CaptureAsync();
        await domain.StandBackAsync("snapshot", rearranging: true);
        Assert.True(await LooksAsync(domain));
        await Assert.ThrowsAsync<TapException>(() => domain.AttachAsync(image));
        var detached = domain.Tap.DetachAsync(Ct);
        // One of several calls of libvirt's, and the stricter holds.
        await domain.StandBackAsync("blockPull", rearranging: false);
        await domain.StandBackAsync("snapshot", rearranging: true);
        await Assert.ThrowsAsync<TapException>(() => LooksAsync(domain));
        Assert.False(detached.IsCompleted);
        domain.Monitor.Return();
        await detached;
        Assert.DoesNotContain("lifeboat-shim", await domain.NodesAsync(), StringComparison.Ordinal);
    }

    // An operator's fate: it fails, or it does not.
    private async Task<bool> MeetAsync(int at, Func<Task> interference, Func<Task> talk)
    {
        _commands.Clear();
        (_left, _interference) = (at, interference);
        try
        {
            await talk();
        }
        catch (TapException e)
        {
            TestContext.Current.SendDiagnosticMessage($"{at}: {e.Message}");
        }
        var has = _interference is null;
        _interference = null;
        return has;
    }

    private async Task ComeBetweenAsync(string command)
    {
        _commands.Add(command);
        if (_interference is not { } interfere || --_left > 0) return;
        _interference = null;
        await interfere();
    }

    /// <returns>How many of the gaps were known.</returns>
    private static async Task<int> CatchUpAsync(CapturedDomain domain, MirroredImage image, string when)
    {
        var gap = await domain.AttachAsync(image);
        await image.PullAsync(domain.Tap, gap);
        await domain.Tap.ForgetGapAsync(Ct);
        domain.AssertSame(image, when);
        for (var area = 1; area <= 3; area++) await domain.AssertReadsAsync(area * Step, Step);
        return gap.Kind == GapKind.Known ? 1 : 0;
    }

    private static Task<bool> LooksAsync(CapturedDomain domain) =>
        domain.Monitor.LookAsync(TimeSpan.Zero, look => look.TopOf("virtio-disk1") is not null, Ct);

    private static async Task ShortenAsync(CapturedDomain domain)
    {
        await domain.StandBackAsync("blockPull", rearranging: false);
        await domain.VirshAsync("blockpull", CapturedDomain.Name, "vdb", "--wait");
        domain.Monitor.Return();
    }
}
