// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class TenantDeleteCommand : LifeboatCommand
{
    private readonly Argument<string> _name = TenantInputs.Name();

    public TenantDeleteCommand() : base("tenant", "delete", "Delete a tenant that has nothing any more") => Add(_name);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.DeleteTenantAsync(parsed.GetRequiredValue(_name), ct);
        return ExitCode.Ok;
    }
}
