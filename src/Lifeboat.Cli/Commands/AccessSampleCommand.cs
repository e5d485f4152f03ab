// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller;

namespace Lifeboat.Cli.Commands;

internal sealed class AccessSampleCommand() : LifeboatCommand("access", "sample",
    "Print all default rules as a policy.yaml, each commented out; needs no site")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var rules = await ControllerDescription.AccessRulesAsync();
        session.Output.WriteLine("# The defaults of who may ask which operation of Lifeboat's API. What is taken out "
            + "of its\n# comment stands in the place of its default. `lifeboat access check --file FILE` tries a file."
            + "\n");
        session.Output.WriteLine(string.Join("\n\n", rules.Rules.Select(Text)));
        return ExitCode.Ok;
    }

    // As oslopolicy-sample-generator writes it.
    private static string Text(AccessRuleInfo rule) => string.Join('\n',
    [
        $"# {rule.Description}",
        .. rule.Operations.Select(o => "# " + o.Replace(" ", "  ", StringComparison.Ordinal)),
        $"# Intended scope(s): {(rule.OfSite ? "system" : "system, project")}",
        $"#\"{rule.Name}\": \"{rule.Rule}\"",
    ]);
}
