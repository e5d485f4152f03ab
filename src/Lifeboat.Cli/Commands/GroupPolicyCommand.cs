// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupPolicyCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly PolicyInputs _policy = new();
    private readonly Option<string?> _follow = new("--follow")
    {
        Description = "Named policy that it follows from now on; '': none any more, its policy stays as it is",
        HelpName = "POLICY",
    };

    private readonly Option<string[]> _inherit = new("--inherit")
    {
        Description = "Field that is as the named policy has it again, e.g. rpoTarget; may be repeated",
        HelpName = "FIELD",
        DefaultValueFactory = _ => [],
    };

    public GroupPolicyCommand() : base("group", "policy",
        "Show or change the policy of a group as it runs, at the site where its instances run")
    {
        Add(_group);
        Add(_follow);
        Add(_inherit);
        _policy.AddTo(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var name = parsed.GetRequiredValue(_group);
        var change = _policy.Read(parsed) with
        {
            Follow = parsed.GetValue(_follow),
            Inherit = parsed.GetRequiredValue(_inherit) is { Length: > 0 } fields ? fields : null,
        };
        var group = change == new PolicyChange()
            ? await session.Controller.GroupAsync(name, ct)
            : await session.Controller.ChangePolicyAsync(name, change, ct);
        var definition = group.Definition;
        session.Output.WriteFacts(definition.Policy,
            [("follows", Follows(definition)), .. PolicyInputs.Facts(definition.Policy)]);
        return ExitCode.Ok;
    }

    private static string? Follows(GroupDefinition group) => group.Follows is not { } follows ? null
        : follows.Policy + (follows.Own.Count == 0 ? "" : $", but for {string.Join(", ", follows.Own)}");
}
