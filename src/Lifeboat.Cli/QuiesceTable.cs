// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>How a quiesce reads.</summary>
internal static class QuiesceTable
{
    public static void Write(CommandOutput output, QuiesceInfo quiesce) => output.WriteFacts(quiesce,
    [
        ("quiesce", quiesce.Id == Guid.Empty ? "none was known" : quiesce.Id.ToString()),
        ("of", quiesce.Subject),
        (quiesce.EndedAt is null ? "held" : "held until thawed", quiesce.Held ? "yes" : "no"),
        ("reached", quiesce.EndedAt is null ? Show.Name(quiesce.Reached) : null),
        ("thawed at the latest", quiesce.EndedAt is null ? Show.Time(quiesce.Deadline) : null),
        .. quiesce.Members.SelectMany(m => m.Evidence.Select((e, i) => (i == 0 ? m.Instance : "", (string?)e))),
    ]);

    /// <summary>The first member that is not known to go on makes a thaw's exit code.</summary>
    public static int ExitOf(QuiesceInfo thawed) =>
        thawed.Members.FirstOrDefault(m => m.Reason != ReasonCode.None) is { } unsure
            ? ExitCode.From(unsure.Reason) : ExitCode.Ok;
}
