// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

/// <summary>Says what a tenant may have.</summary>
internal abstract class TenantLimitsCommand : LifeboatCommand
{
    private readonly Argument<string> _name = TenantInputs.Name();
    private readonly Option<string?> _description = TenantInputs.Description();
    private readonly Option<int?> _groups = TenantInputs.GroupsMax();
    private readonly Option<long?> _protected = TenantInputs.ProtectedMax();
    private readonly Option<string?> _cap = TenantInputs.ShipCap();
    private readonly Option<bool?> _fourEyes = TenantInputs.FourEyes();

    protected TenantLimitsCommand(string verb, string description) : base("tenant", verb, description)
    {
        Add(_name);
        Add(_description);
        Add(_groups);
        Add(_protected);
        Add(_cap);
        Add(_fourEyes);
    }

    protected sealed override async Task<int> RunAsync(ParseResult parsed, CommandSession session,
        CancellationToken ct)
    {
        var change = new TenantChange
        {
            Description = parsed.GetValue(_description),
            GroupsMax = parsed.GetValue(_groups),
            ProtectedBytesMax = parsed.GetValue(_protected) is { } gib ? gib < 0 ? -1 : gib << 30 : null,
            ShipCap = parsed.GetValue(_cap),
            FourEyes = parsed.GetValue(_fourEyes),
        };
        TenantInputs.Write(session.Output,
            await SayAsync(session.Controller, parsed.GetRequiredValue(_name), change, ct));
        return ExitCode.Ok;
    }

    protected abstract Task<TenantInfo> SayAsync(ControllerClient controller, string tenant, TenantChange limits,
        CancellationToken ct);
}
