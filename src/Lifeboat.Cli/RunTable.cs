// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli;

internal static class RunTable
{
    public static void Write(CommandOutput output, RunInfo run) => output.WriteFacts(run,
    [
        ("run", run.Id.ToString()), ("kind", Show.Name(run.Kind)), ("group", run.Group), ("site", run.Site),
        ("state", run.Reason == Protection.ReasonCode.None
            ? Show.Name(run.State) : $"{Show.Name(run.State)} ({Show.Name(run.Reason)})"),
        ("asked for by", run.RequestedBy), ("approved by", run.ApprovedBy),
        ("detail", run.Detail), ("point", run.PointId?.ToString()),
        ("took", $"{Show.Span(run.Elapsed)}{(run.Predicted is { } p ? $" (predicted {Show.Span(p)})" : "")}"),
        .. run.Warnings.Select(w => ("warning", (string?)w)),
    ]);
}
