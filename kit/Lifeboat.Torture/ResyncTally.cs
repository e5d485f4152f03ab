// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.RegularExpressions;

namespace Lifeboat.Torture;

/// <summary>Counts, from the log of a's agents, how each gap was closed and what it moved.</summary>
internal sealed partial class ResyncTally
{
    private readonly Dictionary<string, (int Count, long Moved)> _byKind = new(StringComparer.Ordinal);
    private (string Kind, long Moved)? _open;

    public IReadOnlyDictionary<string, (int Count, long Moved)> ByKind => _byKind;

    public static ResyncTally Read(string logFile)
    {
        var tally = new ResyncTally();
        if (File.Exists(logFile))
            foreach (var line in File.ReadLines(logFile)) tally.Take(line);
        tally.Close();
        return tally;
    }

    private void Take(string line)
    {
        var pulled = Pulled().Match(line);
        if (pulled.Success)
            _open = (pulled.Groups[1].Value, long.Parse(pulled.Groups[2].Value, CultureInfo.InvariantCulture));
        // A new stream begins from nothing: what an earlier one had pulled has gone over the line all the same.
        else if (line.Contains(" began stream ", StringComparison.Ordinal)
            || line.Contains(" are durable at ", StringComparison.Ordinal)) Close();
        // Followed by "began stream" if the outbox did not hold the rest: that one is counted by what it pulls.
        else if (line.Contains(" became Streaming", StringComparison.Ordinal)) Close();
    }

    private void Close()
    {
        if (_open is not { } open) return;
        var (count, moved) = _byKind.GetValueOrDefault(open.Kind);
        _byKind[open.Kind] = (count + 1, moved + open.Moved);
        _open = null;
    }

    [GeneratedRegex(@" was pulled by (\w+): so far (\d+) bytes moved")]
    private static partial Regex Pulled();
}
