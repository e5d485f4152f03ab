// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli.Commands;

internal sealed class FailbackCommand : RunCommand
{
    private readonly Option<bool> _despiteGaps = DespiteGaps();

    public FailbackCommand() : base("failback",
        "Bring the group to this site, its home: reprotect, planned failover without loss, protected again") =>
        Add(_despiteGaps);

    protected override StartRunRequest Request(ParseResult parsed, CommandSession session) =>
        new() { Kind = RunKind.Failback, DespiteGaps = parsed.GetValue(_despiteGaps) };
}
