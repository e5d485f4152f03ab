// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// A world written down: once it failed, and the suite runs it again on every build (tests/Lifeboat.Tests/Simulation/
/// Seeds). Without a flaw it must hold now; with one, the checker must still catch it.
/// </summary>
/// <param name="Seed">What decides the world.</param>
/// <param name="Checker">Who found it broken.</param>
/// <param name="What">What was found, at the commit given.</param>
public sealed record SeedFile(ulong Seed, string Checker, string What, string Commit)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public string? Flaw { get; init; }
    public bool Decay { get; init; }
    public IReadOnlyList<int> Spared { get; init; } = [];
    public int? VolumesMax { get; init; }
    public int? StormSecondsMax { get; init; }
    public bool StormOnly { get; init; }
    /// <summary>Files from before there was such a thing have none, as worlds of haste 1 had.</summary>
    public int Haste { get; init; } = 1;
    /// <summary>Files from before this was said of a world have none: nothing that was read lately came from the
    /// disk.</summary>
    public int WarmRooms { get; init; } = 64;
    /// <summary>Files from before this was said of a world have as many kinds of fault as there were then.</summary>
    public int FaultKinds { get; init; } = 32;
    public long CrashStates { get; init; }

    public static SeedFile Of(SimulationOptions world, SimulationResult result)
    {
        var violation = result.Violation ?? throw new ArgumentException("this world holds", nameof(result));
        // A stack trace has paths of the machine that found it.
        var what = violation.What.Split('\n')[0];
        return new SeedFile(world.Seed, violation.Checker, what, SimulationResult.Commit)
        {
            Flaw = world.Flaw,
            Decay = world.Decay,
            Spared = [.. world.Spared.Order()],
            VolumesMax = world.VolumesMax == int.MaxValue ? null : world.VolumesMax,
            StormSecondsMax = world.StormSecondsMax == int.MaxValue ? null : world.StormSecondsMax,
            StormOnly = world.StormOnly,
            Haste = Climate.HasteOf(world),
            WarmRooms = Climate.WarmRoomsOf(world),
            FaultKinds = world.FaultKinds ?? Enum.GetValues<Fault>().Length,
            CrashStates = world.CrashStates,
        };
    }

    public static SeedFile Read(string path) =>
        JsonSerializer.Deserialize<SeedFile>(File.ReadAllBytes(path), Json)
        ?? throw new InvalidDataException($"{path} holds no seed");

    public void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, Json) + "\n");

    public SimulationOptions World(Action<string>? trace = null) => new(Seed)
    {
        Flaw = Flaw,
        Decay = Decay,
        Spared = Spared.ToHashSet(),
        VolumesMax = VolumesMax ?? int.MaxValue,
        StormSecondsMax = StormSecondsMax ?? int.MaxValue,
        StormOnly = StormOnly,
        Haste = Haste,
        WarmRooms = WarmRooms,
        FaultKinds = FaultKinds,
        CrashStates = CrashStates,
        Trace = trace,
    };
}
