// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupQuiesceRuleCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Argument<string> _instance = new("instance") { Description = "An instance of the group" };
    private readonly Option<string?> _from = new("--from")
    {
        Description = "A file with the rule as JSON; -: standard input", HelpName = "FILE",
    };
    private readonly Option<bool> _none = new("--none")
    {
        Description = "It needs no rest: nothing is asked of it, and it holds no point's consistency down",
    };
    private readonly Option<bool> _default = new("--default") { Description = "Back to its guest agent" };

    public GroupQuiesceRuleCommand() : base("group", "quiesce-rule",
        "Show or change how an instance of a group is brought to rest, at the site where it runs")
    {
        Add(_group);
        Add(_instance);
        Add(_from);
        Add(_none);
        Add(_default);
        Validators.Add(result =>
        {
            if (new Option[] { _from, _none, _default }.Count(o => result.GetResult(o) is not null) > 1)
                result.AddError("only one of --from, --none and --default");
        });
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var (name, instance) = (parsed.GetRequiredValue(_group), parsed.GetRequiredValue(_instance));
        var rule = parsed.GetValue(_none) ? new QuiesceRule { Instance = instance }
            : parsed.GetValue(_from) is { } file ? await ReadAsync(file, instance, ct) : null;
        var group = rule is null && !parsed.GetValue(_default)
            ? await session.Controller.GroupAsync(name, ct)
            : await session.Controller.ChangePolicyAsync(name, new PolicyChange
            {
                QuiesceRules = rule is null ? null : [rule], QuiesceDefaults = rule is null ? [instance] : null,
            }, ct);
        if (group.Definition.Members.All(m => m.Instance != instance))
            throw new ProblemException(ReasonCode.InstanceUnknown, $"{instance} is not in group {name}");
        var policy = group.Definition.Policy;
        var now = policy.Quiesce.Of(instance);
        session.Output.WriteFacts(now,
        [
            ("instance", now.Instance), ("order", $"{now.Order}"),
            ("on failure", Show.Name(now.OnFailure ?? policy.OnQuiesceFailure)), ("retries", $"{now.Retries}"),
            ("steps", now.Steps.Count == 0 ? "none: it needs no rest" : null),
            .. now.Steps.Select((s, i) => ($"step {i + 1}", (string?)Text(s))),
        ]);
        return ExitCode.Ok;
    }

    private static string Text(QuiesceStep step) => string.Join(' ', new[] { step.Provider }
        .Concat(step.Limit is { } limit ? [$"within {Span.Text(limit)}"] : [])
        .Concat(step.Settings.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $"{s.Key}='{s.Value}'")));

    // The instance is named by the argument; a file may do for several.
    private async Task<QuiesceRule> ReadAsync(string file, string instance, CancellationToken ct)
    {
        var text = await UserFile.ReadAsync(_from.Name, file, stdin: true, ct);
        try
        {
            if (JsonNode.Parse(text) is not JsonObject rule)
                throw new ProblemException(ReasonCode.InvalidRequest, $"{file} holds no rule: it is no JSON object");
            rule["instance"] = instance;
            return rule.Deserialize<QuiesceRule>(ContractJson.Options)!;
        }
        catch (JsonException e)
        {
            throw new ProblemException(ReasonCode.InvalidRequest, $"{file} holds no rule: {e.Message}",
                "docs/operating/quiescing.md shows one.", cause: e);
        }
    }
}
