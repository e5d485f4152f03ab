// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class PolicySettleCommand : LifeboatCommand
{
    private readonly Argument<string> _policy = PolicyInputs.Name();
    private readonly Option<string> _keep = PolicyInputs.Keep();
    private readonly Option<string[]?> _fields = PolicyInputs.Fields();

    public PolicySettleCommand() : base("policy", "settle",
        "Say which site's changes of a named policy stay, of those that contradict each other")
    {
        Add(_policy);
        Add(_keep);
        Add(_fields);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        PolicyInputs.Write(session.Output, await session.Controller.SettlePolicyAsync(
            parsed.GetRequiredValue(_policy), new SettleRequest
            {
                Keep = parsed.GetRequiredValue(_keep),
                Fields = Inputs.Given(parsed.GetValue(_fields)),
            }, ct));
        return ExitCode.Ok;
    }
}
