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

    /// <summary>
    /// The exit code is that of the first member that is not held though it was asked for, of a thaw that is not known
    /// to go on.
    /// </summary>
    public static int ExitOf(QuiesceInfo quiesce) =>
        quiesce.Members.FirstOrDefault(m => m.Reason != ReasonCode.None && (quiesce.EndedAt is not null || !m.Held))
            is { } unsure ? ExitCode.From(unsure.Reason) : ExitCode.Ok;
}
