// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceQuiesceCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("instance") { Description = "An instance that runs here" };
    private readonly Option<TimeSpan?> _limit = Inputs.QuiesceLimit();
    private readonly Option<string[]> _providers = new("--provider")
    {
        Description = "A provider that needs no settings, instead of the steps of its policy; may be repeated",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<QuiesceFailure?> _failure = Inputs.Choice<QuiesceFailure>("--on-failure",
        "When a step fails, hold nothing, or hold what can be held and say so");

    public InstanceQuiesceCommand() : base("instance", "quiesce",
        "Bring an instance to rest and hold it there until it is thawed, or the limit")
    {
        Add(_name);
        Add(_limit);
        Add(_providers);
        Add(_failure);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var providers = parsed.GetRequiredValue(_providers);
        var quiesce = await session.Controller.QuiesceInstanceAsync(
            parsed.GetRequiredValue(_name), new QuiesceInstanceRequest
            {
                Limit = parsed.GetValue(_limit),
                OnFailure = parsed.GetValue(_failure),
                Steps = providers.Length == 0 ? null : [.. providers.Select(p => new QuiesceStep { Provider = p })],
            }, ct);
        QuiesceTable.Write(session.Output, quiesce);
        return QuiesceTable.ExitOf(quiesce);
    }
}
