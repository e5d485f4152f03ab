// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>What the commands of evacuations take.</summary>
internal static class EvacuationInputs
{
    public static Argument<string> Evacuation() => new("evacuation") { Description = "Id of the evacuation" };

    /// <summary>`1=shop,till`.</summary>
    public static Option<WantedWave[]> Waves() => new("--wave")
    {
        Description = "Which groups or applications are moved when, NUMBER=NAME,NAME…; may be repeated. Who is in "
            + "none comes behind (default: by priority of the policies, high first)",
        HelpName = "WAVE",
        CustomParser = ParseWaves,
        DefaultValueFactory = _ => [],
        AllowMultipleArgumentsPerToken = false,
        Arity = ArgumentArity.OneOrMore,
    };

    /// <exception cref="ProblemException">EvacuationUnknown.</exception>
    public static Guid Id(string text) => Guid.TryParse(text, out var id) ? id : throw new ProblemException(
        ReasonCode.EvacuationUnknown, $"'{text}' is not the id of an evacuation",
        "`lifeboat evacuation list` shows them.");

    private static WantedWave[] ParseWaves(ArgumentResult result)
    {
        var waves = new List<WantedWave>();
        foreach (var token in result.Tokens)
        {
            var (number, names) = token.Value.Split('=', 2) is [var left, var right] ? (left, right.Split(',',
                StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)) : ("", []);
            if (int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var wave) && names.Length > 0)
                waves.Add(new WantedWave(wave, names));
            else
                result.AddError($"'{token.Value}' is not a wave; write NUMBER=NAME,NAME…, e.g. 1=shop,till");
        }
        return [.. waves];
    }
}
