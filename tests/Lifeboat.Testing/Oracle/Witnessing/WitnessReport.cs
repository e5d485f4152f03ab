// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Testing.Oracle;

public enum ReportVerb { Boot, Ack, Mark, Stop, Bad }

/// <summary>One line from a guest (kit/guest/README.md).</summary>
/// <param name="Set">Only with boot.</param>
/// <param name="N">The record acknowledged; with boot the newest one found on the disks.</param>
/// <param name="GuestMs">The guest's monotonic clock.</param>
/// <param name="Text">Only with bad.</param>
public sealed record WitnessReport(
    ReportVerb Verb, ulong Set, ulong Run, long Generation, long N, long GuestMs, string Text)
{
    /// <summary>Null for a line that is not a report, such as one cut by a connection's end.</summary>
    public static WitnessReport? Parse(string line)
    {
        if (line.StartsWith("bad ", StringComparison.Ordinal))
            return new WitnessReport(ReportVerb.Bad, 0, 0, 0, 0, 0, line[4..]);
        var w = line.Split(' ');
        if (w is ["boot", var set, var run, var generation, var last, _, var ms])
            return Build(ReportVerb.Boot, set, run, generation, last, ms);
        if (w is [var verb, var ackRun, var ackGeneration, var n, var ackMs] && Known(verb) is { } known)
            return Build(known, "0000000000000000", ackRun, ackGeneration, n, ackMs);
        return null;
    }

    private static ReportVerb? Known(string verb) => verb switch
    {
        "ack" => ReportVerb.Ack,
        "mark" => ReportVerb.Mark,
        "stop" => ReportVerb.Stop,
        _ => null,
    };

    private static WitnessReport? Build(
        ReportVerb verb, string set, string run, string generation, string n, string ms) =>
        Hex(set) is { } setId && Hex(run) is { } runId && Number(generation) is { } g && Number(n) is { } number
        && Number(ms) is { } time ? new WitnessReport(verb, setId, runId, g, number, time, "") : null;

    private static ulong? Hex(string text) =>
        text.Length == 16
        && ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var id) ? id : null;

    private static long? Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
