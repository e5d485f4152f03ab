// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class PolicyDeleteCommand : LifeboatCommand
{
    private readonly Argument<string> _policy = PolicyInputs.Name();

    public PolicyDeleteCommand() : base("policy", "delete", "Delete a named policy that no group follows") =>
        Add(_policy);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.DeletePolicyAsync(parsed.GetRequiredValue(_policy), ct);
        return ExitCode.Ok;
    }
}
