// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.RegularExpressions;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>What a process of the site has said since then of why it does not start, in its log.</summary>
internal sealed partial class StartRefusals
{
    private readonly string _log;
    private readonly long _before;

    public StartRefusals(string log) => (_log, _before) = (log, File.Exists(log) ? new FileInfo(log).Length : 0);

    /// <summary>The last one; empty before <see cref="Count"/> has found any.</summary>
    public string Text { get; private set; } = "";

    /// <summary>What else it said: what to do, and each fault of several.</summary>
    public IReadOnlyList<string> Details { get; private set; } = [];

    public ReasonCode Reason { get; private set; }

    /// <returns>How often it has refused.</returns>
    public int Count()
    {
        if (!File.Exists(_log)) return 0;
        using var log = new FileStream(_log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        log.Position = Math.Min(_before, log.Length);
        using var reader = new StreamReader(log);
        var refusals = Refusal().Matches(reader.ReadToEnd());
        if (refusals.Count == 0) return 0;
        Text = refusals[^1].Groups["text"].Value;
        Details = [.. refusals[^1].Groups["detail"].Captures.Select(c => c.Value)];
        Reason = (ReasonCode)int.Parse(refusals[^1].Groups["code"].Value, CultureInfo.InvariantCulture);
        return refusals.Count;
    }

    // As every command of ours ends that was refused.
    [GeneratedRegex(@"^lifeboat: (?<text>[^\n]+)(\n  (- )?(?<detail>[^\n]+))*?\n"
        + @"  reason: \S+ \(exit code (?<code>\d+)\)", RegexOptions.Multiline)]
    private static partial Regex Refusal();
}
