// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class TenantSetCommand : LifeboatCommand
{
    private readonly Argument<string> _name = TenantInputs.Name();
    private readonly Option<string?> _description = TenantInputs.Description();
    private readonly Option<int?> _groups = TenantInputs.GroupsMax();
    private readonly Option<long?> _protected = TenantInputs.ProtectedMax();
    private readonly Option<string?> _cap = TenantInputs.ShipCap();
    private readonly Option<bool?> _fourEyes = TenantInputs.FourEyes();

    public TenantSetCommand() : base("tenant", "set", "Change what a tenant may have; what is not named stays")
    {
        Add(_name);
        Add(_description);
        Add(_groups);
        Add(_protected);
        Add(_cap);
        Add(_fourEyes);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var tenant = await session.Controller.ChangeTenantAsync(parsed.GetRequiredValue(_name), new TenantChange
        {
            Description = parsed.GetValue(_description),
            GroupsMax = parsed.GetValue(_groups),
            ProtectedBytesMax = parsed.GetValue(_protected) is { } gib ? gib < 0 ? -1 : gib << 30 : null,
            ShipCap = parsed.GetValue(_cap),
            FourEyes = parsed.GetValue(_fourEyes),
        }, ct);
        TenantInputs.Write(session.Output, tenant);
        return ExitCode.Ok;
    }
}
