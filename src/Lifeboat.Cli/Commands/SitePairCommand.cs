// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class SitePairCommand : LifeboatCommand
{
    private readonly Argument<string> _token = new("token")
    {
        Description = "What `site token` printed at the other site",
    };


    public SitePairCommand() : base("site", "pair", "Pair this site with another: both trust each other afterwards") =>
        Add(_token);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var peer = await session.Controller.PairAsync(parsed.GetRequiredValue(_token).Trim(), ct);
        session.Output.WriteFacts(peer,
        [
            ("site", peer.Name), ("controller", peer.ControllerUrl), ("link", peer.LinkAddress),
            ("CA fingerprint", peer.CaFingerprint),
        ]);
        return ExitCode.Ok;
    }
}
