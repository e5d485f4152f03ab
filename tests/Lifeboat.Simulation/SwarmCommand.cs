// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Testing.Simulation;
using Lifeboat.Testing.Simulation.Swarming;

namespace Lifeboat.Simulation;

/// <summary>Runs a range of seeds; with a state file over as many sessions as it takes.</summary>
internal static class SwarmCommand
{
    private const int Unfinished = 3;

    public static int Run(Arguments arguments)
    {
        if (arguments.Text("--state") is { } path) return RunRemembered(arguments, path);
        var (first, last) = arguments.Seeds(1000);
        var flaw = arguments.Text("--flaw");
        var swarm = Begin(arguments, flaw, state: null);
        swarm.Run();
        swarm.Tally.Write(Console.Out);
        Console.WriteLine($"seeds {first}..{first + swarm.Done - 1}: {swarm.Pace}, "
            + $"{swarm.Violations.Count} violation(s), traces {swarm.TraceHash:x16}");
        if (flaw is null) WriteDownLowest(arguments, swarm);
        if (flaw is null) return swarm.Violations.Count == 0 ? 0 : 1;
        Console.WriteLine(swarm.Violations.Count > 0
            ? $"flaw {flaw}: caught by seed {swarm.Violations.Min(v => v.Seed)}"
            : $"flaw {flaw}: NOT caught");
        return swarm.Violations.Count > 0 ? 0 : 1;
    }

    private static int RunRemembered(Arguments arguments, string path)
    {
        if (path.Length == 0 || arguments.Has("--flaw") || arguments.Has("--haste"))
        {
            Console.Error.WriteLine("--state wants the name of a file and goes with worlds as they are, "
                + "without --flaw and --haste");
            return 2;
        }
        try
        {
            using var state = SwarmState.Open(path, SwarmBuild.Ours(), arguments.Has("--only-this-build"));
            return RunRemembered(arguments, state);
        }
        catch (SwarmStateException e)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
    }

    private static int RunRemembered(Arguments arguments, SwarmState state)
    {
        var (first, last) = arguments.Seeds(1000);
        var swarm = Begin(arguments, flaw: null, state);
        Console.WriteLine($"{state.LeftOf(first, last):N0} of {last - first + 1:N0} seeds are to be run");
        // What runs is finished first: a few worlds. A second signal ends it at once.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        swarm.Run();
        Console.WriteLine($"this session: {swarm.Pace}, {swarm.Violations.Count} violation(s)");
        WriteDownLowest(arguments, swarm);
        var left = state.LeftOf(first, last);
        var standing = SwarmReport.Write(state, first, last, Console.Out);
        return standing > 0 ? 1 : left > 0 ? Unfinished : 0;

        void End(PosixSignalContext signal)
        {
            signal.Cancel = !swarm.Stopping;
            swarm.Stop();
        }
    }

    private static Swarm Begin(Arguments arguments, string? flaw, SwarmState? state)
    {
        var (first, last) = arguments.Seeds(1000);
        return new Swarm(first, last, arguments.Jobs, seed => OptionsOf(arguments, seed, flaw))
        {
            GoesOn = arguments.Has("--keep-going"),
            State = state,
        };
    }

    private static SimulationOptions OptionsOf(Arguments arguments, ulong seed, string? flaw) =>
        new(seed) { Flaw = flaw, Decay = !arguments.Has("--no-decay"), Haste = arguments.Haste(states: 0) };

    private static void WriteDownLowest(Arguments arguments, Swarm swarm)
    {
        if (swarm.Violations.MinBy(v => v.Seed) is { } found)
            MinimiseCommand.WriteDown(OptionsOf(arguments, found.Seed, null), found, path: null);
    }
}
