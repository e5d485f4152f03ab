// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ExportCommand()
    : LifeboatCommand(null, "export", "Write what is there as YAML that `apply` takes: tenants, policies, groups …")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        session.Output.WriteLine((await session.Controller.ExportAsync(ct)).TrimEnd('\n'));
        return ExitCode.Ok;
    }
}
