// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Lifeboat.Qemu;

namespace Lifeboat.Quiescing.GuestAgent;

/// <summary>
/// The VSS writers of a Windows guest, which qemu-ga itself does not tell: `vssadmin list writers` after the thaw.
/// Asked for by the setting `vss-writers`.
/// </summary>
internal static partial class VssWriters
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <returns>Whether none has failed, and what to say.</returns>
    public static async Task<(bool Ok, string Text)> ReadAsync(QuiesceTarget target, CancellationToken ct)
    {
        if (target.Setting("vss-writers") != "yes") return (true, "");
        try
        {
            var exit = await GuestAgents.Client(target, Limit)
                .RunAsync(@"C:\Windows\System32\vssadmin.exe", ["list", "writers"], Limit, ct);
            if (exit.ExitCode != 0) return (true, $"; of its VSS writers nothing is known: exit code {exit.ExitCode}");
            var writers = Writer().Matches(exit.Output)
                .Select(m => (Name: m.Groups[1].Value, Error: m.Groups[2].Value.Trim())).ToList();
            var failed = writers.Where(w => w.Error != "No error").ToList();
            return failed.Count == 0
                ? (true, $"; {writers.Count} VSS writers without error")
                : (false, "; VSS writers that failed: "
                    + string.Join(", ", failed.Select(w => $"{w.Name}: {w.Error}")));
        }
        catch (QmpException e)
        {
            return (true, $"; of its VSS writers nothing is known: {e.Message}");
        }
    }

    [GeneratedRegex(@"Writer name: '([^']*)'[\s\S]*?Last error: ([^\r\n]*)", RegexOptions.CultureInvariant)]
    private static partial Regex Writer();
}
