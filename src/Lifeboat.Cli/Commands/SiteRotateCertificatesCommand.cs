// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class SiteRotateCertificatesCommand : LifeboatCommand
{
    private readonly Option<bool> _ca = new("--ca")
    {
        Description = "A new CA too: every paired site must answer, and trusts both for the overlap",
    };

    private readonly Option<TimeSpan?> _overlap =
        Inputs.Duration("--overlap", "How long paired sites take the former certificates too (1h)");

    private readonly Option<TimeSpan?> _life = Inputs.Duration("--valid-for", "How long the new certificates are good");

    public SiteRotateCertificatesCommand() : base("site", "rotate-certificates",
        "New certificates for controller and agent, without a break in anything")
    {
        Add(_ca);
        Add(_overlap);
        Add(_life);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var result = await session.Controller.RotateCertificatesAsync(new RotateCertificatesRequest(
            parsed.GetValue(_ca), parsed.GetValue(_overlap) ?? TimeSpan.FromHours(1), parsed.GetValue(_life)), ct);
        session.Output.WriteFacts(result,
        [
            .. result.Certificates.Select(c => ($"{c.Role} of {c.Site} until", (string?)Show.Time(c.NotAfter))),
            ("former ones until", Show.Time(result.FormerUntil)),
            .. result.Untold.Select(p => ("to be told yet", (string?)p)),
        ]);
        return ExitCode.Ok;
    }
}
