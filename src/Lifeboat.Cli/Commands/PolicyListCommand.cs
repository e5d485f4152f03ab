// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli.Commands;

internal sealed class PolicyListCommand() : LifeboatCommand("policy", "list", "List the named policies of this site")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var policies = await session.Controller.PoliciesAsync(ct);
        session.Output.Write(policies, table =>
        {
            table.AddColumns("policy", "version", "rpo target", "retention", "groups", "contested",
                "description");
            foreach (var p in policies)
                table.AddRow(p.Name, $"{p.Version}", Span.Text(p.Policy.RpoTarget), p.Policy.Retention.ToString(),
                    $"{p.Groups.Count}", string.Join(", ", p.Conflicts.Select(c => c.Field)), p.Description ?? "");
        });
        return ExitCode.Ok;
    }
}
