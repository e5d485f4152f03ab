// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class PolicySetCommand : LifeboatCommand
{
    private readonly Argument<string> _name = PolicyInputs.Name();
    private readonly Option<string?> _description = PolicyInputs.Description();
    private readonly PolicyInputs _policy = new();

    public PolicySetCommand() : base("policy", "set",
        "Change a named policy; the groups that follow it and run at this site follow at once")
    {
        Add(_name);
        Add(_description);
        _policy.AddTo(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        PolicyInputs.Write(session.Output, await session.Controller.ChangeNamedPolicyAsync(
            parsed.GetRequiredValue(_name), new NamedPolicyChange
            {
                Description = parsed.GetValue(_description), Policy = _policy.Read(parsed),
            }, ct));
        return ExitCode.Ok;
    }
}
