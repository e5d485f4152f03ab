// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class AccessRulesCommand() : LifeboatCommand("access", "rules",
    "Show the rules that hold, and what is wrong with the file")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var rules = await session.Controller.AccessRulesAsync(ct);
        session.Output.Write(rules, table =>
        {
            table.AddColumns("name", "rule", "from");
            foreach (var rule in rules.Rules) table.AddRow(rule.Name, rule.Rule, rule.From ?? "default");
        });
        foreach (var fault in rules.Faults) session.Output.Talk($"fault, so the rules from before hold on: {fault}");
        return ExitCode.Ok;
    }
}
