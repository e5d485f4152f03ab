// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Protection;
using Lifeboat.Testing;

namespace Lifeboat.IntegrationTests.Alerts;

/// <summary>Mails of alerts, taken by a real SMTP server (aiosmtpd, a process of its own).</summary>
public sealed class MailTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_takes_the_mail_as_it_was_meant()
    {
        await using var server = await MailServer.StartAsync(Ct);
        var message = Message("replica of shop\r\nBcc: everybody@example.org is damaged – ärgerlich");
        await new MailSender().SendAsync(Target(server.Address), null, message, Ct);
        var mail = await server.TakeAsync(Ct);
        Assert.Contains($"Message-Id: <{message.Delivery}@lifeboat.a>", mail, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("To: ops@example.org, night@example.org", mail, StringComparison.Ordinal);
        Assert.Contains($"X-Lifeboat-Alert: {message.Alert.Id}", mail, StringComparison.Ordinal);
        var headers = mail[..mail.IndexOf("\n\n", StringComparison.Ordinal)];
        Assert.DoesNotContain("\nBcc:", headers, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("look at the disks", mail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_may_come_back_and_one_without_TLS_is_refused()
    {
        var nobody = await Assert.ThrowsAsync<DeliveryException>(() =>
            new MailSender().SendAsync(Target($"127.0.0.1:{FreePort.Next()}"), null, Message("x"), Ct));
        Assert.True(nobody.WorthRetrying);
        await using var server = await MailServer.StartAsync(Ct);
        var open = Target(server.Address) with { Security = MailSecurity.StartTls };
        var refused = await Assert.ThrowsAsync<DeliveryException>(() =>
            new MailSender().SendAsync(open, null, Message("x"), Ct));
        Assert.False(refused.WorthRetrying);
    }

    private static AlertTargetRequest Target(string server) => new()
    {
        Kind = AlertTargetKind.Mail,
        Server = server,
        Security = MailSecurity.None,
        From = "lifeboat@example.org",
        To = ["ops@example.org", "night@example.org"],
    };

    private static AlertMessage Message(string summary) => new(Guid.NewGuid(), "raised", new Alert
    {
        Id = Guid.NewGuid(),
        Kind = AlertKind.ReplicaDamaged,
        Severity = AlertSeverity.Critical,
        Reason = ReasonCode.ReplicaDamaged,
        Site = "a",
        Subject = "shop",
        Summary = summary,
        Advice = "look at the disks",
        Since = TimeProvider.System.GetUtcNow(),
        LastSeen = TimeProvider.System.GetUtcNow(),
    });

    private sealed class MailServer : IAsyncDisposable
    {
        private const string End = "------------ END MESSAGE ------------";
        private readonly Process _process;

        private MailServer(Process process, int port) => (_process, Address) = (process, $"127.0.0.1:{port}");

        public string Address { get; }

        public static async Task<MailServer> StartAsync(CancellationToken ct)
        {
            var port = FreePort.Next();
            var server = new MailServer(Process.Start(new ProcessStartInfo("/usr/bin/python3",
                [
                    "-u", "-m", "aiosmtpd", "-n", "-l", $"127.0.0.1:{port}",
                    "-c", "aiosmtpd.handlers.Debugging", "stdout",
                ])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardOutputEncoding = Encoding.UTF8,
            })!, port);
            for (var tries = 0; ; tries++)
            {
                Assert.False(server._process.HasExited, "aiosmtpd ended; kit/set-up installs python3-aiosmtpd");
                try
                {
                    using var probe = new TcpClient();
                    await probe.ConnectAsync(IPAddress.Loopback, port, ct);
                    return server;
                }
                catch (SocketException) when (tries < 100)
                {
                    await Task.Delay(100, ct);
                }
            }
        }

        public async Task<string> TakeAsync(CancellationToken ct)
        {
            var mail = new StringBuilder();
            while (await _process.StandardOutput.ReadLineAsync(ct) is { } line && line != End) mail.AppendLine(line);
            return mail.ToString();
        }

        public async ValueTask DisposeAsync()
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
    }
}
