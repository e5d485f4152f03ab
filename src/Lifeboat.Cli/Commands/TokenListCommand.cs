// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class TokenListCommand : LifeboatCommand
{
    private readonly Option<string?> _user = new("--user") { Description = "Only of this user", HelpName = "USER" };

    public TokenListCommand() : base("token", "list", "List tokens, without their secrets") => Add(_user);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var tokens = await session.Controller.ApiTokensAsync(parsed.GetValue(_user), ct);
        session.Output.Write(tokens, table =>
        {
            table.AddColumns("token", "user", "tenant", "label", "rights", "state", "last used", "from");
            foreach (var t in tokens)
                table.AddRow(t.Id, t.User, t.Tenant ?? "", t.Label ?? "",
                    t.Rights is { } rights ? AccessInputs.Text(rights) : "all of the user's",
                    State(t, session.Time.GetUtcNow()), t.LastUsedAt is { } at ? Show.Time(at) : "never",
                    t.LastUsedFrom ?? "");
        });
        return ExitCode.Ok;
    }

    private static string State(ApiTokenInfo token, DateTimeOffset now) =>
        token.RevokedAt is { } revoked ? $"revoked {Show.Time(revoked)}"
        : token.ExpiresAt <= now ? $"over since {Show.Time(token.ExpiresAt)}"
        : $"good until {Show.Time(token.ExpiresAt)}";
}
