// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupResolveCommand : RunCommand
{
    private static readonly Dictionary<string, ForkChoice> Choices = new(StringComparer.Ordinal)
    {
        ["primary"] = ForkChoice.KeepPrimary,
        ["recovery"] = ForkChoice.KeepRecovery,
        ["newest"] = ForkChoice.Newest,
        ["both-as-volumes"] = ForkChoice.BothAsVolumes,
        ["manual"] = ForkChoice.Manual,
    };

    private readonly Option<string> _keep = new Option<string>("--keep", "-k")
    {
        Description = "What stays: primary (the site that was primary before the fork), recovery (the one that took "
            + "over), newest (who wrote last), both-as-volumes (recovery, and the other exported beside), manual "
            + "(write down that it is known, change nothing)",
        Required = true,
    }.AcceptOnlyFromAmong([.. Choices.Keys]);

    public GroupResolveCommand() : base("resolve",
        "End a divergence, at the site that took over; what gives way is kept as a pinned point", "group") =>
        Add(_keep);

    protected override StartRunRequest Request(ParseResult parsed, CommandSession session) =>
        new() { Kind = RunKind.Resolve, Choice = Choices[parsed.GetRequiredValue(_keep)] };
}
