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
        Text(name) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    public static int Usage()
    {
        Console.Error.WriteLine("""
            swarm  --seeds N [--first N] [--parallel N] [--flaw NAME]   run many seeds; stops at the first violation
            replay --seed N [--flaw NAME] [--trace]                     run one seed again
            A violation exits with 1. With --flaw it is the other way round: not caught exits with 1.
            """);
        return 2;
    }
}
