// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli.Commands;

internal sealed class ReprotectCommand() : RunCommand("reprotect",
    "After a failover: replicate back to the old primary site, moving only what differs")
{
    protected override StartRunRequest Request(ParseResult parsed, CommandSession session) =>
        new() { Kind = RunKind.Reprotect };
}
