// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Oracle;
using Xunit;

namespace Lifeboat.Tests.Oracle;

/// <summary>The checker bites: each property, once kept and once broken in every way that could hide.</summary>
public sealed class OracleCheckerTests : IDisposable
{
    private const ulong Run = 1;
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(50);

    private readonly string _directory = Directory.CreateTempSubdirectory("forge-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(8, true)]
    [InlineData(40, true)]
    public async Task Whole_disks_hold(int disks, bool seeded)
    {
        var proof = await CheckAsync(new OracleForge(disks, 1000, seeded: seeded).Append(300));
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
        Assert.Equal((1, 300), (proof.Oldest, proof.Newest));
    }

    [Fact]
    public async Task Any_earlier_end_is_a_cut_too()
    {
        // The newest records vanish one by one: each state is one the disks have passed through.
        var forge = new OracleForge(3, 1000).Append(40);
        for (long n = 40; n > 0; n--)
        {
            Assert.Equal(n - 1, (await CheckAsync(forge.Lose(n), holds: true)).Newest);
        }
    }

    [Fact]
    public async Task Wrapped_rings_hold()
    {
        var proof = await CheckAsync(new OracleForge(3, 50).Append(1000), holds: true);
        Assert.InRange(proof.Oldest, 851, 950);
        Assert.Equal(1000, proof.Newest);
    }

    [Fact]
    public async Task A_torn_write_under_way_is_no_fault()
    {
        Assert.Equal(300, (await CheckAsync(new OracleForge(3, 1000).Append(301).Tear(301), holds: true)).Newest);
        Assert.Equal(999, (await CheckAsync(new OracleForge(3, 50).Append(1000).Tear(1000), holds: true)).Newest);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(150)]
    [InlineData(290)]
    public async Task A_record_missing_in_the_middle_is_found(long n)
    {
        var proof = await CheckAsync(new OracleForge(3, 1000).Append(300).Lose(n), holds: false);
        Assert.Contains(proof.Findings, f => f is { Holds: false, Property: OracleProperty.Prefix });
        Assert.Contains(proof.Findings, f => f is { Holds: false, Property: OracleProperty.OneCut }
            && f.Text.Contains($"({n} to {n})", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_single_lost_record_is_found_but_the_last()
    {
        for (long n = 1; n < 60; n++) await CheckAsync(new OracleForge(4, 100).Append(60).Lose(n), holds: false);
    }

    [Fact]
    public async Task A_flipped_bit_is_found_wherever_it_is()
    {
        for (var at = 0; at < 512; at += 3)
            await CheckAsync(new OracleForge(3, 100).Append(60).Flip(30, at), holds: false);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_disk_rolled_back_breaks_the_cut(int disk)
    {
        var proof = await CheckAsync(new OracleForge(3, 1000).Append(300).RollBack(disk, 5), holds: false);
        Assert.DoesNotContain(proof.Findings, f => f is { Holds: false, Property: OracleProperty.Prefix });
        Assert.Contains(proof.Findings, f => f is { Holds: false, Property: OracleProperty.OneCut } && f.Disk == disk);
    }

    [Fact]
    public async Task A_lost_write_on_a_wrapped_ring_is_found() =>
        await CheckAsync(new OracleForge(3, 50).Append(1000).GoBackOneLap(960), holds: false);

    [Fact]
    public async Task Two_torn_disks_are_not_one_cut()
    {
        var forge = new OracleForge(3, 1000, seeded: false).Append(302);
        Assert.NotEqual(forge.DiskOf(301), forge.DiskOf(302));
        await CheckAsync(forge.Tear(301).Tear(302), holds: false);
    }

    [Fact]
    public async Task A_fresh_disk_among_written_ones_is_found() =>
        await CheckAsync(new OracleForge(3, 1000).Append(30).RollBack(1, 30).LoseHeader(1), holds: false);

    [Fact]
    public async Task A_missing_disk_is_found()
    {
        var images = await new OracleForge(3, 1000).Append(30).WriteAsync(_directory, default);
        var proof = await OracleChecker.CheckAsync([images[0], images[2]], OracleExpectation.ConsistencyOnly, default);
        Assert.False(proof.Holds);
    }

    [Fact]
    public async Task The_same_disk_twice_is_found()
    {
        var images = await new OracleForge(2, 1000).Append(30).WriteAsync(_directory, default);
        var proof = await OracleChecker.CheckAsync([images[0], images[0]], OracleExpectation.ConsistencyOnly, default);
        Assert.False(proof.Holds);
    }

    [Fact]
    public async Task Order_of_the_images_does_not_matter()
    {
        var images = await new OracleForge(3, 1000).Append(30).WriteAsync(_directory, default);
        var proof = await OracleChecker.CheckAsync([.. images.Reverse()], OracleExpectation.ConsistencyOnly, default);
        Assert.True(proof.Holds);
    }

    [Fact]
    public async Task A_generation_that_goes_back_is_found()
    {
        await CheckAsync(new OracleForge(3, 1000).Append(30, 1, 1).Append(30, 2, 2), holds: true);
        await CheckAsync(new OracleForge(3, 1000).Append(30, 1, 2).Append(30, 2, 1), holds: false);
        await CheckAsync(new OracleForge(3, 1000).Append(30, 1, 1).Append(30, 2, 1), holds: false);
    }

    [Fact]
    public async Task Losses_are_counted_in_records_and_time()
    {
        var forge = new OracleForge(3, 1000).Append(300);
        var expectation = Expect(Heard(forge.Set, 300, 0, Run));
        var whole = await CheckAsync(forge, expectation with { LostMax = 0 }, holds: true);
        Assert.Equal((0, TimeSpan.Zero), (whole.Lost, whole.LostTime));

        for (long n = 300; n > 290; n--) forge.Lose(n);
        var counted = await CheckAsync(forge, expectation, holds: true);
        Assert.Equal((10, TimeSpan.FromMilliseconds(100)), (counted.Lost, counted.LostTime));
        await CheckAsync(forge, expectation with { LostMax = 10 }, holds: true);
        await CheckAsync(forge, expectation with { LostMax = 9 }, holds: false);
        await CheckAsync(forge, expectation with { LostMax = 0, CutAt = Start.AddMilliseconds(2901) }, holds: true);
        await CheckAsync(forge, expectation with { LostMax = 0, CutAt = Start.AddMilliseconds(2911) }, holds: false);
    }

    [Fact]
    public async Task A_run_lost_from_its_first_record_counts_in_full()
    {
        var forge = new OracleForge(3, 1000).Append(100);
        var heard = Heard(forge.Set, 100, 0, Run);
        Hear(heard, forge.Set, from: 101, to: 120, run: 2, generation: 2, Start.AddSeconds(10));
        var proof = await CheckAsync(forge, Expect(heard), holds: true);
        Assert.Equal(20, proof.Lost);
        Assert.Equal([0L, 20L], proof.Runs.Select(r => r.Lost));
    }

    [Fact]
    public async Task After_a_failover_the_old_loss_stays_visible_and_is_not_blamed_on_the_new_run()
    {
        // 120 acknowledged before the failover, 100 came over; the next run used the numbers again.
        var forge = new OracleForge(3, 1000).Append(100).Append(50, run: 2, generation: 2);
        var heard = Heard(forge.Set, 120, 0, Run);
        Hear(heard, forge.Set, from: 101, to: 150, run: 2, generation: 2, Start.AddSeconds(10));
        var proof = await CheckAsync(forge, Expect(heard) with { LostMax = 0 }, holds: true);
        Assert.Equal([20L, 0L], proof.Runs.Select(r => r.Lost));
    }

    [Fact]
    public async Task A_drill_copy_owes_nothing()
    {
        var forge = new OracleForge(3, 1000).Append(100);
        var heard = Heard(forge.Set, 100, 0, Run);
        Hear(heard, forge.Set, from: 91, to: 400, run: 7, generation: 2, Start.AddSeconds(10));
        var expectation = Expect(heard) with { LostMax = 0 };
        await CheckAsync(forge, expectation, holds: false);
        await CheckAsync(forge, expectation with { OtherRuns = new HashSet<string> { $"{7:x16}" } }, holds: true);
    }

    [Fact]
    public async Task No_loss_cannot_be_shown_without_a_report()
    {
        var expectation = Expect(new WitnessHistory()) with { LostMax = 0 };
        await CheckAsync(new OracleForge(3, 1000).Append(30), expectation, holds: false);
    }

    [Fact]
    public async Task Writes_from_after_the_cut_are_found()
    {
        var forge = new OracleForge(3, 1000).Append(300);
        var expectation = Expect(Heard(forge.Set, 300, 0, Run));
        await CheckAsync(forge, expectation with { NothingAfter = Start.AddMilliseconds(3001) }, holds: true);
        await CheckAsync(forge, expectation with { NothingAfter = Start.AddMilliseconds(2500) }, holds: false);
    }

    [Fact]
    public async Task A_quiesced_point_ends_with_a_mark()
    {
        var expectation = new OracleExpectation { MustEndWithMark = true };
        await CheckAsync(new OracleForge(3, 1000).Append(30, endWithMark: true), expectation, holds: true);
        await CheckAsync(new OracleForge(3, 1000).Append(30), expectation, holds: false);
    }

    private static OracleExpectation Expect(WitnessHistory heard) => new() { Witness = heard };

    // Record n is acknowledged n times 10 ms after the start.
    private static WitnessHistory Heard(ulong set, long to, long lastAtBoot, ulong run)
    {
        var history = new WitnessHistory();
        Hear(history, set, lastAtBoot + 1, to, run, 1, Start);
        return history;
    }

    private static void Hear(
        WitnessHistory history, ulong set, long from, long to, ulong run, long generation, DateTimeOffset start)
    {
        history.Add("guest", start, new WitnessReport(ReportVerb.Boot, set, run, generation, from - 1, 0, ""));
        for (var n = from; n <= to; n++)
            history.Add("guest", start.AddMilliseconds(n * 10),
                new WitnessReport(ReportVerb.Ack, 0, run, generation, n, n * 10, ""));
    }

    private Task<OracleProof> CheckAsync(OracleForge forge, bool? holds = null) =>
        CheckAsync(forge, OracleExpectation.ConsistencyOnly, holds);

    private async Task<OracleProof> CheckAsync(OracleForge forge, OracleExpectation expectation, bool? holds)
    {
        var images = await forge.WriteAsync(_directory, default);
        var proof = await OracleChecker.CheckAsync(images, expectation with { WorkDirectory = _directory }, default);
        if (holds is { } expected) Assert.True(proof.Holds == expected, string.Join('\n', proof.Lines()));
        return proof;
    }
}
