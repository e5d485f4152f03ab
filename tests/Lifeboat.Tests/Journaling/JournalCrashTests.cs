// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Testing;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Journaling;

public sealed class JournalCrashTests
{
    [Fact]
    public async Task Recovery_holds_after_a_crash_at_every_single_change()
    {
        const int steps = 150;
        var changes = await RunAsync(seed: 7, steps, crashAfter: long.MaxValue);
        Assert.True(changes > 100, $"{changes} changes");
        for (var at = 0L; at <= changes; at++) await RunAsync(seed: 7, steps, at);
    }

    [Fact]
    public async Task Recovery_holds_over_many_lives_of_random_work()
    {
        for (ulong seed = 0; seed < 60; seed++)
        {
            var prng = new Prng(seed);
            var disk = new SimulatedDisk(prng.Fork());
            var history = new JournalHistory(prng.Fork());
            for (var life = 0; life < 8; life++)
            {
                disk.CrashAfter(prng.Next(1, 200));
                await LiveAsync(disk, history, steps: 400);
                disk.Crash();
                await VerifyAsync(disk, history);
            }
        }
    }

    /// <summary>
    /// The process dies at every single change, its successor goes on and promises, and then the host loses power: what
    /// the first had renamed and did not live to sync must not be lost under the second.
    /// </summary>
    [Fact]
    public async Task What_a_killed_process_left_half_done_is_durable_before_its_successor_builds_on_it()
    {
        var changes = await RunAsync(seed: 9, steps: 80, crashAfter: long.MaxValue);
        for (var at = 0L; at <= changes; at++)
        {
            var prng = new Prng(9);
            var disk = new SimulatedDisk(prng.Fork());
            var history = new JournalHistory(prng.Fork());
            disk.CrashAfter(at);
            await LiveAsync(disk, history, steps: 80);
            disk.KillProcesses();
            await VerifyAsync(disk, history);
            disk.Crash();
            await VerifyAsync(disk, history);
        }
    }

    /// <summary>
    /// Two blocks of one size: the first is lost, the second is not, and then another first is written.
    /// </summary>
    [Fact]
    public async Task A_block_that_outlived_a_lost_one_never_continues_another_history()
    {
        var tried = 0;
        for (ulong seed = 0; seed < 200; seed++)
        {
            var disk = new SimulatedDisk(new Prng(seed));
            var history = new JournalHistory(new Prng(seed + 1000)) { DataLength = 4096 };
            await using (var journal = await history.OpenAsync(new SimulatedStorage(disk)))
                for (var i = 0; i < 6; i++) await history.AppendOneAsync(journal);
            disk.Crash();
            await using (var journal = await history.OpenAsync(new SimulatedStorage(disk)))
            {
                await history.RecoverAsync(journal);
                if (history.Last is > 0 and < 5) tried++;
                await history.AppendOneAsync(journal);
            }
            disk.KillProcesses();
            await using var again = await history.OpenAsync(new SimulatedStorage(disk));
            await history.RecoverAsync(again);
        }
        Assert.True(tried > 10);
    }

    private static async Task<long> RunAsync(ulong seed, int steps, long crashAfter)
    {
        var prng = new Prng(seed);
        var disk = new SimulatedDisk(prng.Fork());
        var history = new JournalHistory(prng.Fork());
        disk.CrashAfter(crashAfter);
        await LiveAsync(disk, history, steps);
        var changes = disk.Changes;
        disk.Crash();
        await VerifyAsync(disk, history);
        return changes;
    }

    private static async Task LiveAsync(SimulatedDisk disk, JournalHistory history, int steps)
    {
        try
        {
            await using var journal = await history.OpenAsync(new SimulatedStorage(disk));
            await history.RecoverAsync(journal);
            for (var i = 0; i < steps; i++) await history.StepAsync(journal);
        }
        catch (StorageException e) when (e.Message.Contains("is down", StringComparison.Ordinal))
        {
            // The crash that the test asked for.
        }
    }

    private static async Task VerifyAsync(SimulatedDisk disk, JournalHistory history)
    {
        await using var journal = await history.OpenAsync(new SimulatedStorage(disk));
        await history.RecoverAsync(journal);
        for (var i = 0; i < 5; i++) await history.AppendAsync(journal);
        await history.FlushAsync(journal);
        await history.CheckAsync(journal, journal.LastSequence);
    }
}
