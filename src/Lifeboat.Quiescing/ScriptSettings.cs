// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Quiescing;

/// <summary>What all steps that run somebody's script have in common.</summary>
internal static class ScriptSettings
{
    private const int OutputMax = 400;

    /// <summary>What its author says it brings; a script that says nothing speaks for its application.</summary>
    public static Consistency Reaches(QuiesceTarget target) => target.Setting("reaches") == "file-system"
        ? Consistency.FileSystem : Consistency.Application;

    public static IEnumerable<string> Problems(QuiesceTarget target)
    {
        if (target.Setting("reaches") is not (null or "application" or "file-system"))
            yield return $"setting 'reaches' is '{target.Setting("reaches")}'; allowed is application or file-system";
    }

    /// <returns>Exit code and output as evidence.</returns>
    /// <exception cref="QuiesceProviderException">Refused: another exit code than 0.</exception>
    public static string Outcome(string action, int exitCode, string output, string errorOutput)
    {
        var said = string.Join(" | ", new[] { output, errorOutput }.Select(End).Where(t => t.Length > 0));
        var text = $"{action} ended with exit code {exitCode}{(said.Length > 0 ? $": {said}" : "")}";
        return exitCode == 0 ? text : throw new QuiesceProviderException(ProviderFault.Refused, text);
    }

    // The end says why something failed.
    private static string End(string text)
    {
        var one = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return one.Length <= OutputMax ? one : "…" + one[^OutputMax..];
    }
}
