// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Tests.Simulation;

public sealed class SchedulerTests
{
    private readonly SimulatedScheduler _scheduler = new(new Prng(7));
    private readonly List<string> _seen = [];

    [Fact]
    public void Time_jumps_to_the_next_timer()
    {
        var process = Spawn("a");
        var done = false;
        process.Start(async () =>
        {
            await process.Clock.DelayAsync(TimeSpan.FromHours(1));
            done = true;
        });

        _scheduler.Run(() => done, 1000);

        Assert.InRange(_scheduler.Now, TimeSpan.TicksPerHour, TimeSpan.TicksPerHour + 100);
    }

    [Fact]
    public void A_killed_process_runs_nothing_more_not_even_a_finally()
    {
        var process = Spawn("a");
        process.Start(async () =>
        {
            try
            {
                await process.Clock.DelayAsync(TimeSpan.FromSeconds(2));
                _seen.Add("late");
            }
            finally
            {
                _seen.Add("finally");
            }
        });
        var killer = Spawn("killer");
        killer.Start(async () =>
        {
            await killer.Clock.DelayAsync(TimeSpan.FromSeconds(1));
            process.Kill();
        });

        _scheduler.Run(() => false, 1000);

        Assert.Empty(_seen);
    }

    [Fact]
    public void Asking_a_process_that_dies_fails()
    {
        var process = Spawn("a");
        var asker = Spawn("asker");
        asker.Start(async () =>
        {
            var answer = process.CallAsync(() => Task.Delay(TimeSpan.FromSeconds(1), process.Clock));
            process.Kill();
            await Assert.ThrowsAsync<ProcessDiedException>(() => answer);
            _seen.Add("told");
        });

        _scheduler.Run(() => false, 1000);

        Assert.Equal(["told"], _seen);
    }

    [Fact]
    public void A_stopped_process_goes_on_where_it_was()
    {
        var process = Spawn("a");
        process.Start(async () =>
        {
            await process.Clock.DelayAsync(TimeSpan.FromSeconds(1));
            _seen.Add("ran at " + TimeSpan.FromTicks(_scheduler.Now).TotalSeconds.ToString("F0"));
        });
        var other = Spawn("other");
        other.Start(async () =>
        {
            await other.Clock.DelayAsync(TimeSpan.FromSeconds(0.5));
            process.Pause();
            await other.Clock.DelayAsync(TimeSpan.FromSeconds(2.5));
            process.Resume();
        });

        _scheduler.Run(() => false, 1000);

        Assert.Equal(["ran at 3"], _seen);
    }

    [Fact]
    public void A_continuation_on_another_thread_is_found()
    {
        var process = Spawn("a");
        var escaped = new ManualResetEventSlim();
        process.Start(async () =>
        {
            await process.Clock.DelayAsync(TimeSpan.FromSeconds(1));
            _ = Task.Run(() =>
            {
                process.Post(() => { });
                escaped.Set();
            });
            Assert.True(escaped.Wait(TimeSpan.FromSeconds(30)));
            await process.Clock.DelayAsync(TimeSpan.FromSeconds(1));
        });

        var e = Assert.Throws<SimulationException>(() => _scheduler.Run(() => false, 1000));

        Assert.Contains("escaped", e.Message);
    }

    // What the engine may use, and what it must not: found here before a swarm finds it.
    [Theory]
    [InlineData("await of an asynchronous source", true)]
    [InlineData("cancellable wait for an asynchronous source", false)]
    [InlineData("cancellable wait for a contended semaphore", false)]
    [InlineData("any of a delay and a plain source", true)]
    public void Waits_come_back_or_are_found_out(string wait, bool comesBack)
    {
        var process = Spawn("a");
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var plain = new TaskCompletionSource();
        var semaphore = new SemaphoreSlim(0);
        var stop = new CancellationTokenSource();
        process.Start(async () =>
        {
            await (wait[..6] switch
            {
                "await " => source.Task,
                "any of" => Task.WhenAny(plain.Task, process.Clock.DelayAsync(TimeSpan.FromHours(1))),
                _ => wait.Contains("semaphore") ? semaphore.WaitAsync(stop.Token) : source.Task.WaitAsync(stop.Token),
            });
            _seen.Add("back");
        });
        process.Start(async () =>
        {
            await process.Clock.DelayAsync(TimeSpan.FromSeconds(1));
            source.SetResult();
            plain.SetResult();
            semaphore.Release();
            for (var i = 0; i < 1000 && _seen.Count == 0; i++)
            {
                // Real time, so that the thread pool has its chance to do wrong.
                if (!comesBack) new ManualResetEventSlim().Wait(1);
                await process.Clock.DelayAsync(TimeSpan.FromSeconds(1));
            }
        });

        var failure = Record.Exception(() => _scheduler.Run(() => _seen.Count > 0, 100_000));

        Assert.Equal(comesBack, failure is null && _seen.Count == 1);
    }

    [Fact]
    public void The_seed_alone_decides_the_order()
    {
        Assert.Equal(Race(1), Race(1));
        Assert.True(Enumerable.Range(1, 20).Select(s => Race((ulong)s)).Distinct().Count() > 10);
    }

    private static ulong Race(ulong seed)
    {
        var scheduler = new SimulatedScheduler(new Prng(seed));
        for (var i = 0; i < 5; i++)
        {
            var process = new SimulatedProcess(scheduler, i, $"p{i}", (_, e) => throw e);
            process.Start(async () =>
            {
                for (var n = 0; n < 5; n++) await Task.Yield();
            });
        }
        scheduler.Run(() => false, 1000);
        return scheduler.TraceHash;
    }

    private SimulatedProcess Spawn(string name) =>
        new(_scheduler, name.Length, name, (_, e) => throw new SimulationException(e.ToString()));
}
