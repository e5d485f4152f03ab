// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Links;

namespace Lifeboat.Cli.Commands;

internal sealed class LinkSetCommand : LifeboatCommand
{
    private readonly Argument<string> _peer = Inputs.Peer();
    private readonly Option<string?> _cap = Inputs.Cap("Cap on all groups together outside of the windows");
    private readonly Option<string[]?> _windows = Inputs.Windows();
    private readonly Option<string?> _zone = Inputs.TimeZone();
    private readonly Option<CompressionMode?> _compression =
        Inputs.Choice<CompressionMode>("--compression", "By measured gain, or always one of them");

    private readonly Option<string[]?> _paths = new("--path")
    {
        Description = "Connect over this one too, LOCAL or LOCAL=HOST:PORT with a local address, a device or 'any'; "
            + "may be repeated, those given replace all before, '' removes them",
    };

    public LinkSetCommand() : base("link", "set",
        "Change the caps and compression of what is shipped to a paired site, without a new connection")
    {
        Add(_peer);
        Option[] options = [_cap, _windows, _zone, _compression, _paths];
        foreach (var option in options) Add(option);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var link = await session.Controller.ChangeLinkAsync(parsed.GetRequiredValue(_peer), new LinkChange
        {
            Cap = parsed.GetValue(_cap),
            Windows = Inputs.Given(parsed.GetValue(_windows)),
            TimeZone = parsed.GetValue(_zone),
            Compression = parsed.GetValue(_compression),
            Paths = Inputs.Given(parsed.GetValue(_paths)),
        }, ct);
        LinkTable.Write(session.Output, link);
        return ExitCode.Ok;
    }
}
