// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

/// <summary>Changes what roles and rights a user has.</summary>
internal abstract class RightsCommand : LifeboatCommand
{
    private readonly Argument<string> _user = AccessInputs.User();
    private readonly Option<Role[]> _roles = AccessInputs.Roles();
    private readonly Option<Right[]> _rights = AccessInputs.Rights();

    protected RightsCommand(string verb, string description) : base("user", verb, description)
    {
        Add(_user);
        Add(_roles);
        Add(_rights);
    }

    protected sealed override async Task<int> RunAsync(ParseResult parsed, CommandSession session,
        CancellationToken ct)
    {
        var request = new RightsRequest
        {
            Roles = parsed.GetRequiredValue(_roles),
            Rights = parsed.GetRequiredValue(_rights),
        };
        UserTable.Write(session.Output,
            await ChangeAsync(session.Controller, parsed.GetRequiredValue(_user), request, ct));
        return ExitCode.Ok;
    }

    protected abstract Task<UserInfo> ChangeAsync(ControllerClient controller, string user, RightsRequest request,
        CancellationToken ct);
}
