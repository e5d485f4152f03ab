// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli.Commands;

internal sealed class PolicyCreateCommand : LifeboatCommand
{
    private readonly Argument<string> _name = PolicyInputs.Name();
    private readonly Option<string?> _description = PolicyInputs.Description();
    private readonly PolicyInputs _policy = new();

    public PolicyCreateCommand() : base("policy", "create",
        "Make a named policy, which groups of its tenant can follow")
    {
        Add(_name);
        Add(_description);
        _policy.AddTo(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var (policy, problems) = _policy.Read(parsed).Applied(Policy.Default);
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the policy cannot be made so", null, problems);
        PolicyInputs.Write(session.Output, await session.Controller.CreatePolicyAsync(new CreatePolicyRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Description = parsed.GetValue(_description),
            Policy = policy,
        }, ct));
        return ExitCode.Ok;
    }
}
