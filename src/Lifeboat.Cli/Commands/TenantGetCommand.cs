// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class TenantGetCommand : LifeboatCommand
{
    private readonly Argument<string> _name = TenantInputs.Name();

    public TenantGetCommand() : base("tenant", "get", "Show one tenant") => Add(_name);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        TenantInputs.Write(session.Output, await session.Controller.TenantAsync(parsed.GetRequiredValue(_name), ct));
        return ExitCode.Ok;
    }
}
