// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class AlertTargetAddCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("target") { Description = "Its name" };
    private readonly Option<string?> _webhook = new("--webhook")
    {
        Description = "Address that alerts are POSTed to as signed JSON",
        HelpName = "URL",
    };
    private readonly Option<string?> _mail = new("--smtp")
    {
        Description = "Mail server that alerts are sent over",
        HelpName = "HOST:PORT",
    };
    private readonly Option<string?> _from = new("--from") { Description = "Sender of the mails" };
    private readonly Option<string[]> _to = new("--to") { Description = "Receiver of the mails; may be repeated" };
    private readonly Option<string?> _user = new("--user") { Description = "Who logs in at the mail server" };
    private readonly Option<MailSecurity?> _security =
        Inputs.Choice<MailSecurity>("--security", "How the mail server is talked to");
    private readonly Option<string?> _secret = new("--secret-file")
    {
        Description = "File with the key of the signature, or the password; - is standard input. "
            + "Without it a target that is there keeps its secret",
        HelpName = "FILE",
    };
    private readonly Option<AlertSeverity?> _least =
        Inputs.Choice<AlertSeverity>("--least", "What is below is not sent");

    public AlertTargetAddCommand() : base("alert target", "add",
        "Send alerts to a webhook or by mail; the same name again changes the target")
    {
        Add(_name);
        Option[] options = [_webhook, _mail, _from, _to, _user, _security, _secret, _least];
        foreach (var option in options) Add(option);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var (webhook, mail) = (parsed.GetValue(_webhook), parsed.GetValue(_mail));
        if (webhook is null == mail is null)
            throw new ProblemException(ReasonCode.Usage, "a target is either a webhook or a mail server",
                "Give --webhook URL, or --smtp HOST:PORT --from ADDRESS --to ADDRESS.");
        // Not from the command line itself: everybody on the host can read that.
        var secret = parsed.GetValue(_secret) is { } file
            ? (await UserFile.ReadAsync(_secret.Name, file, stdin: true, ct)).TrimEnd('\r', '\n') : null;
        var target = await session.Controller.PutAlertTargetAsync(parsed.GetRequiredValue(_name),
            new AlertTargetRequest
            {
                Kind = webhook is null ? AlertTargetKind.Mail : AlertTargetKind.Webhook,
                Least = parsed.GetValue(_least) ?? AlertSeverity.Warning,
                Url = webhook,
                Server = mail,
                Security = parsed.GetValue(_security) ?? MailSecurity.StartTls,
                From = parsed.GetValue(_from),
                To = parsed.GetValue(_to) ?? [],
                User = parsed.GetValue(_user),
                Secret = secret,
            }, ct);
        AlertTable.Write(session.Output, [target]);
        return ExitCode.Ok;
    }
}
