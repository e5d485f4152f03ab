// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Lifeboat.Contracts.Api;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace Lifeboat.Controller.Alerts;

/// <summary>A mail per message, over SMTP.</summary>
internal sealed class MailSender : IAlertSender
{
    public AlertTargetKind Kind => AlertTargetKind.Mail;

    public async Task SendAsync(AlertTargetRequest target, string? secret, AlertMessage message, CancellationToken ct)
    {
        if (!TryServer(target.Server, out var host, out var port))
            throw new DeliveryException($"'{target.Server}' is not host:port", worthRetrying: false);
        using var client = new SmtpClient();
        using var mail = Write(target, message);
        try
        {
            await client.ConnectAsync(host, port, target.Security switch
            {
                MailSecurity.StartTls => SecureSocketOptions.StartTlsWhenAvailable,
                MailSecurity.None => SecureSocketOptions.None,
                MailSecurity.Tls => SecureSocketOptions.SslOnConnect,
            }, ct);
            if (target.Security is not MailSecurity.None && !client.IsSecure)
                throw new DeliveryException("the server offers no TLS (STARTTLS)", worthRetrying: false);
            if (target.User is { } user) await client.AuthenticateAsync(user, secret ?? "", ct);
            await client.SendAsync(mail, ct);
            await client.DisconnectAsync(quit: true, ct);
        }
        catch (SmtpCommandException e)
        {
            // 4xx: the server asks to come again.
            throw new DeliveryException($"the server said {(int)e.StatusCode}: {e.Message}",
                (int)e.StatusCode is >= 400 and < 500, e);
        }
        catch (Exception e) when (e is SmtpProtocolException or SocketException or IOException
            or ServiceNotConnectedException)
        {
            throw new DeliveryException(e.Message, worthRetrying: true, e);
        }
        catch (Exception e) when (e is AuthenticationException or SslHandshakeException
            or System.Security.Authentication.AuthenticationException)
        {
            throw new DeliveryException(e.Message, worthRetrying: false, e);
        }
    }

    public static bool TryServer(string? text, [NotNullWhen(true)] out string? host, out int port)
    {
        (host, port) = (null, 0);
        var colon = text?.LastIndexOf(':') ?? -1;
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture,
            out var number) || number == 0) return false;
        (host, port) = (text![..colon].Trim('[', ']'), number);
        return Uri.CheckHostName(host) is not UriHostNameType.Unknown;
    }

    private static MimeMessage Write(AlertTargetRequest target, AlertMessage message)
    {
        var alert = message.Alert;
        var mail = new MimeMessage();
        mail.From.Add(MailboxAddress.Parse(target.From ?? ""));
        foreach (var to in target.To) mail.To.Add(MailboxAddress.Parse(to));
        // One delivery is one message, also when a server that took it was not heard saying so.
        mail.MessageId = $"{message.Delivery}@lifeboat.{alert.Site}";
        mail.Headers.Add("X-Lifeboat-Alert", $"{alert.Id}");
        mail.Headers.Add("Auto-Submitted", "auto-generated");
        var summary = string.Concat(alert.Summary.Select(c => char.IsControl(c) ? ' ' : c));
        mail.Subject = $"[lifeboat {alert.Site}] {message.Happening}: {alert.Severity}: {summary}";
        var text = new StringBuilder()
            .AppendLine(alert.Summary).AppendLine()
            .Append(CultureInfo.InvariantCulture, $"alert     {alert.Id}\nkind      {alert.Kind}\n")
            .Append(CultureInfo.InvariantCulture, $"reason    {alert.Reason}\nsite      {alert.Site}\n")
            .Append(CultureInfo.InvariantCulture, $"subject   {alert.Subject}\nsince     {alert.Since:u}\n");
        if (alert.ClosedAt is { } closed)
            text.Append(CultureInfo.InvariantCulture, $"closed    {closed:u} by {alert.ClosedBy}\n");
        else text.AppendLine().AppendLine(alert.Advice);
        mail.Body = new TextPart("plain") { Text = text.ToString() };
        return mail;
    }
}
