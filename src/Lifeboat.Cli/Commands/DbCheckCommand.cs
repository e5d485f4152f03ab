// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Controller;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class DbCheckCommand() : LifeboatCommand("db", "check",
    "Check the site's database: its engine, its schema, every document in it; controllers may run")
{
    protected override Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var state = DatabaseCare.Check(session.SiteDirectory, session.Time);
        session.Output.WriteFacts(state,
        [
            ("engine", state.Engine), ("database", state.Place), ("schema", $"{state.Schema}"),
            ("documents", $"{state.Documents}"), ("faults", $"{state.Faults.Count}"),
        ]);
        if (state.Faults.Count == 0) return Task.FromResult(ExitCode.Ok);
        throw new ProblemException(ReasonCode.DatabaseDamaged, $"the database has {state.Faults.Count} fault(s)",
            "Restore a backup with `lifeboat db restore --replace`, or mend each by hand.", state.Faults);
    }
}
