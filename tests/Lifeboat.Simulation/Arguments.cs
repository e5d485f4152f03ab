// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Simulation;

/// <summary>`--name value` pairs; a name without a value is a switch.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public Arguments(string[] args)
    {
        for (var i = 0; i < args.Length; i++)
        {
            var hasValue = i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal);
            _values[args[i]] = hasValue ? args[++i] : "";
        }
    }

    public bool Has(string name) => _values.ContainsKey(name);
    public string? Text(string name) => _values.GetValueOrDefault(name);

    public long Number(string name, long otherwise) =>
        Text(name) is { } text ? Parse(text) : otherwise;

    /// <summary>Null: as each seed says. Disks as crashes leave them are looked at in long worlds, which go through
    /// more states each.</summary>
    /// <param name="states">How many of those are looked at.</param>
    public int? Haste(long states) => Has("--haste") ? (int)Number("--haste", 1) : states > 0 ? 1 : null;

    public int Jobs => (int)Number("--jobs", Environment.ProcessorCount);

    /// <summary>`FROM..TO`, both included; or a count, which begins with <c>--first</c> (else 1).</summary>
    public (long First, long Last) Seeds(long otherwise)
    {
        var text = Text("--seeds") ?? otherwise.ToString(CultureInfo.InvariantCulture);
        if (text.Split("..") is [var from, var to]) return (Parse(from), Parse(to));
        var first = Number("--first", 1);
        return (first, first + Parse(text) - 1);
    }

    private static long Parse(string text) => long.Parse(text.Replace("_", ""), CultureInfo.InvariantCulture);

    public static int Usage()
    {
        Console.Error.WriteLine("""
            swarm        --seeds FROM..TO [--jobs N] [--flaw NAME] [--keep-going]  run many seeds
                         [--state FILE [--only-this-build]]                    go on where FILE says
            replay       --seed N [--flaw NAME] [--states N] [--trace] | --file F  run one seed again
                         [--warm N]                                            so many long appends stay in memory
            crash-states --states N [--seed N] [--jobs N] [--flaw NAME]            open disks as crashes leave them
            mutants      [--seeds N] [--jobs N] [--flaw NAME,NAME…] [--count]      every planted flaw, until caught
            minimise     --seed N [--flaw NAME] [--states N] [--out FILE]          the least that still fails
            --haste N    all worlds are as short as those of haste N (1 to 8; crash states: 1)
            --no-decay   for swarm, replay, minimise: in no world media decay
            A violation exits with 1. With --flaw it is the other way round: not caught exits with 1.
            A swarm with --state that was stopped before its last seed exits with 3.
            """);
        return 2;
    }
}
