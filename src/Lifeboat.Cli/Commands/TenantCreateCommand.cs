// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class TenantCreateCommand : LifeboatCommand
{
    private readonly Argument<string> _name = TenantInputs.Name();
    private readonly Option<string?> _description = TenantInputs.Description();
    private readonly Option<int?> _groups = TenantInputs.GroupsMax();
    private readonly Option<long?> _protected = TenantInputs.ProtectedMax();
    private readonly Option<string?> _cap = TenantInputs.ShipCap();
    private readonly Option<bool?> _fourEyes = TenantInputs.FourEyes();

    public TenantCreateCommand() : base("tenant", "create", "Make a tenant")
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
        var change = new TenantChange
        {
            GroupsMax = parsed.GetValue(_groups),
            ProtectedBytesMax = parsed.GetValue(_protected) is { } gib and >= 0 ? gib << 30 : null,
            ShipCap = parsed.GetValue(_cap),
            FourEyes = parsed.GetValue(_fourEyes),
        };
        var tenant = await session.Controller.CreateTenantAsync(new CreateTenantRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Description = parsed.GetValue(_description),
            Limits = change.Applied(TenantLimits.None),
        }, ct);
        TenantInputs.Write(session.Output, tenant);
        return ExitCode.Ok;
    }
}
