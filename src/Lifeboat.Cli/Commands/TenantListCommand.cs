// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;

namespace Lifeboat.Cli.Commands;

internal sealed class TenantListCommand() : LifeboatCommand("tenant", "list", "List tenants and what they have")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var tenants = await session.Controller.TenantsAsync(ct);
        session.Output.Write(tenants, table =>
        {
            table.AddColumns("tenant", "groups", "at most", "protected", "at most", "ship cap", "four eyes");
            foreach (var t in tenants)
                table.AddRow(t.Name, t.Groups.ToString(CultureInfo.InvariantCulture),
                    TenantInputs.Limit(t.Limits.GroupsMax), Show.Bytes(t.ProtectedBytes),
                    t.Limits.ProtectedBytesMax is { } max ? Show.Bytes(max) : "any amount", t.Limits.ShipCap ?? "none",
                    t.Limits.FourEyes ? "yes" : "no");
        });
        return ExitCode.Ok;
    }
}
