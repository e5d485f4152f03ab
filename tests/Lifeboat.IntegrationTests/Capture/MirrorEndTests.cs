// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;

namespace Lifeboat.IntegrationTests.Capture;

/// <summary>
/// QEMU dies of a mirror that it frees while a write of the guest is under way (decisions 0012, 0064), and on a disk as
/// long as this it does each time. The disk is slow, so that one is.
/// </summary>
public sealed class MirrorEndTests
{
    private const long DiskBytes = 64L << 30;
    private static readonly TimeSpan EachWrite = TimeSpan.FromSeconds(1);
    private static readonly CancellationToken None = CancellationToken.None;

    public enum End { Detach, Uninstall, AttachAnew }

    public static TheoryData<End> Ends => [.. Enum.GetValues<End>()];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_mirror_that_failed_ends_when_what_it_took_before_is_written(End end)
    {
        await using var fixture = await TapFixture.StartSlowAsync(DiskBytes, EachWrite);
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0, size: DiskBytes);
        var sink = await AttachAsync(fixture, tap);

        // The first fails at us when it is written; by then the second has passed the mirror and is not.
        await fixture.Qemu.BeginWriteAsync(0, 0, 4096);
        await Task.Delay(EachWrite * 0.8);
        await fixture.Qemu.BeginWriteAsync(0, 1 << 30, 4096);
        tap.LetGo();
        await Task.Delay(EachWrite * 0.4);
        await EndAsync(fixture, tap, end);

        await GoesOnAsync(fixture, end);
        Assert.Equal(0, sink.Writes);
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_healthy_mirror_answers_what_is_under_way_until_it_has_ended(End end)
    {
        await using var fixture = await TapFixture.StartSlowAsync(DiskBytes, EachWrite);
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0, size: DiskBytes);
        var sink = await AttachAsync(fixture, tap);

        for (var i = 0; i < 8; i++)
        {
            await fixture.Qemu.BeginWriteAsync(0, (long)i << 30, 4096);
            await Task.Delay(EachWrite * 0.05);
        }
        await EndAsync(fixture, tap, end);

        await GoesOnAsync(fixture, end);
        // Refused from the moment on that the stream was told: they are in the map.
        Assert.Equal(0, sink.Writes);
        Assert.True(sink.IsLost);
    }

    private static async Task<CountingSink> AttachAsync(TapFixture fixture, QmpDiskTap tap)
    {
        var sink = new CountingSink();
        await tap.AttachAsync(sink, fixture.Replica, None);
        // Withdrawing the export of the gap drains the disk too, and would hide what is tried here.
        await tap.ForgetGapAsync(None);
        return sink;
    }

    private static Task EndAsync(TapFixture fixture, QmpDiskTap tap, End end) => end switch
    {
        End.Detach => tap.DetachAsync(None),
        End.Uninstall => tap.UninstallAsync(None),
        _ => tap.AttachAsync(new CountingSink(), fixture.Replica, None),
    };

    private static async Task GoesOnAsync(TapFixture fixture, End end)
    {
        await Task.Delay(EachWrite * 1.5);
        await fixture.Qemu.WriteAsync(0, 0x11, 4096, 4096);
        var jobs = (await fixture.Qemu.AskAsync("query-block-jobs")).GetArrayLength();
        Assert.Equal(end == End.AttachAnew ? 1 : 0, jobs);
    }
}
