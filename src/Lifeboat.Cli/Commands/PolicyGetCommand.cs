// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class PolicyGetCommand : LifeboatCommand
{
    private readonly Argument<string> _policy = PolicyInputs.Name();

    public PolicyGetCommand() : base("policy", "get", "Show one named policy and who follows it") => Add(_policy);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        PolicyInputs.Write(session.Output,
            await session.Controller.PolicyAsync(parsed.GetRequiredValue(_policy), ct));
        return ExitCode.Ok;
    }
}
