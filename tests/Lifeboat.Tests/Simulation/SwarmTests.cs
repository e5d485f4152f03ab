// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using System.Runtime.CompilerServices;
using Lifeboat.Journaling.Segments;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Simulation;
using Lifeboat.Testing.Simulation.Swarming;

namespace Lifeboat.Tests.Simulation;

/// <summary>A small swarm on every build; the large one is `tests/Lifeboat.Simulation`
/// (docs/operating/simulation.md).</summary>
public sealed class SwarmTests
{
    /// <summary>Planted flaws that few worlds show, and the haste of worlds to look in (null: of all); `mutants` tries
    /// them all. What one loses is found where it is calm behind the fault: in long worlds.</summary>
    public static TheoryData<string, string, int?> Flaws => new()
    {
        { "ack-before-receive", "I1", null },
        { "apply-out-of-order", "I1", null },
        { "forget-gap-early", "I1", null },
        { "follow-any-stream", "I9", null },
        { "pull-over-writes", "I1", null },
        { "open-anywhere", "I1", null },
        { "fold-nothing", "I1", null },
        { "accept-old-epoch", "I2", null },
        { "lose-silently", "I1", null },
        { "log-out-of-order", "I1", null },
        { "replay-from-shipped", "I9", null },
        { "fold-past-views", "I10", null },
        { "copy-all", "I6", null },
        { "spill-unconfirmed", "I1", null },
    };

    /// <summary>Those that only a look at disks after a crash shows at once.</summary>
    public static TheoryData<string> StorageFlaws =>
        ["no-flush-of-journal", "no-flush-of-new-segment", "no-flush-of-manifest", "no-sync-of-names",
            "no-zeroing-of-tail", "seal-before-durable"];

    [Fact]
    public void Two_hundred_worlds_with_faults_hold()
    {
        var worlds = Enumerable.Range(1, 200).AsParallel()
            .Select(seed => SimulatedWorld.Run(new SimulationOptions((ulong)seed))).ToList();
        var violations = worlds.Where(r => r.Violation is not null).Select(r => r.Line).ToList();

        Assert.True(violations.Count == 0, string.Join('\n', violations));
        // Worlds that grew too short or too calm would hold as well.
        var tally = new Tally();
        worlds.ForEach(tally.Add);
        Assert.All(Enum.GetValues<Fault>().Where(f => f is not (Fault.FlipBits or Fault.MisdirectWrite)),
            fault => Assert.InRange(tally.Worlds.GetValueOrDefault($"fault {fault}"), 5, 200));
        Assert.All(["points checked", "prefixes checked", "folds", "instances moved", "kept states checked"],
            what => Assert.InRange(tally.Worlds.GetValueOrDefault(what), 10, 200));
    }

    [Fact]
    public void The_same_seed_is_the_same_run()
    {
        for (var seed = 1001ul; seed < 1011; seed++)
        {
            var first = SimulatedWorld.Run(new SimulationOptions(seed));
            var again = SimulatedWorld.Run(new SimulationOptions(seed));
            Assert.Equal((first.TraceHash, first.Violation), (again.TraceHash, again.Violation));
            Assert.Equal(first.Counts, again.Counts);
        }
    }

    /// <summary>What another world leaves in this process (agents that were killed give nothing back) is nothing to the
    /// next one: else a seed found in a swarm is not there when it is replayed.</summary>
    [Fact]
    public void A_world_is_the_same_whatever_ran_before_it()
    {
        var first = Enumerable.Range(1011, 10).Select(TraceOf).ToList();
        Enumerable.Range(1101, 100).AsParallel().ForAll(seed => TraceOf(seed));

        Assert.Equal(first, Enumerable.Range(1011, 10).Select(TraceOf));

        static ulong TraceOf(int seed) => SimulatedWorld.Run(new SimulationOptions((ulong)seed)).TraceHash;
    }

    /// <summary>The test above sees only what changes behind its first world, and others have run before.</summary>
    [Fact]
    public void Nothing_in_the_engine_that_belongs_to_the_whole_process_ever_changes()
    {
        var changing = new[] { typeof(Journal).Assembly, typeof(Replica).Assembly }
            .SelectMany(a => a.GetTypes())
            .Where(t => !t.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false))
            .SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(f => !f.IsInitOnly && !f.IsLiteral && !f.IsDefined(typeof(CompilerGeneratedAttribute)))
            .Where(f => !f.IsDefined(typeof(ThreadStaticAttribute))) // a world has its thread to itself
            .Select(f => $"{f.DeclaringType}.{f.Name}");

        Assert.Empty(changing);
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public void A_planted_flaw_is_caught_within_a_thousand_seeds(string flaw, string checker, int? haste)
    {
        var caught = Enumerable.Range(1, 1000)
            .Select(seed => SimulatedWorld.Run(new SimulationOptions((ulong)seed) { Flaw = flaw, Haste = haste }))
            .FirstOrDefault(r => r.Violation?.Checker == checker);

        Assert.NotNull(caught);
    }

    /// <summary>Worlds that were written down because they failed once: they hold, or their flaw is still
    /// caught.</summary>
    [Fact]
    public void Seeds_that_were_written_down_do_what_they_say()
    {
        var files = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Simulation", "Seeds"), "*.json");

        Assert.NotEmpty(files);
        Assert.All(files, file =>
        {
            var seed = SeedFile.Read(file);
            var result = SimulatedWorld.Run(seed.World());
            Assert.Equal(seed.Flaw is null ? null : seed.Checker, result.Violation?.Checker);
        });
    }

    [Fact]
    public void A_failing_world_is_made_small_and_still_fails_by_the_same_checker()
    {
        var (world, failed) = Enumerable.Range(1, 200)
            .Select(seed => new SimulationOptions((ulong)seed) { Flaw = "ack-before-receive" })
            .Select(o => (o, SimulatedWorld.Run(o))).First(r => r.Item2.Violation is not null);
        var (smallest, result) = new Minimiser(world, failed.Violation!.Checker, runsMax: 40).Run();

        Assert.Equal(failed.Violation.Checker, result.Violation?.Checker);
        Assert.NotEqual(world, smallest);
        var written = SeedFile.Of(smallest, result);
        Assert.Equal(result.TraceHash, SimulatedWorld.Run(written.World()).TraceHash);
    }

    [Fact]
    public void Disks_as_crashes_leave_them_can_be_recovered_from()
    {
        var results = Enumerable.Range(1, 6).AsParallel()
            .Select(seed => new SimulationOptions((ulong)seed) { CrashStates = 200, Haste = 1 })
            .Select(SimulatedWorld.Run).ToList();

        Assert.All(results, r => Assert.True(r.Violation is null, r.Line));
        Assert.True(results.Sum(r => r.Counts.GetValueOrDefault("crash states")) >= 1000);
    }

    [Fact]
    public void Looking_at_crash_states_changes_nothing_in_the_world()
    {
        var alone = SimulatedWorld.Run(new SimulationOptions(7) { Decay = false, Haste = 1 });
        var watched = SimulatedWorld.Run(new SimulationOptions(7) { CrashStates = 100, Haste = 1 });

        Assert.Equal(alone.TraceHash, watched.TraceHash);
        Assert.Equal(100, watched.Counts["crash states"]);
    }

    [Theory]
    [MemberData(nameof(StorageFlaws))]
    public void A_flaw_of_storage_is_caught_within_sixty_worlds_of_crash_states(string flaw)
    {
        var caught = Enumerable.Range(1, 60)
            .Select(seed => new SimulationOptions((ulong)seed) { Flaw = flaw, CrashStates = 500, Haste = 1 })
            .Select(SimulatedWorld.Run)
            .FirstOrDefault(r => r.Violation is not null);

        Assert.NotNull(caught);
        Assert.Equal("I10", caught.Violation!.Checker);
    }
}
