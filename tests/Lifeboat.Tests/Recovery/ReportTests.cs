// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Reports;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Tests.Recovery;

public sealed class ReportTests
{
    [Fact]
    public void A_failover_reports_what_can_be_missing_and_a_planned_one_that_nothing_is()
    {
        var lost = new RecoveryWorld();
        lost.LoseA();
        var unplanned = RunReports.Of(lost.Run(RunKind.Failover, lost.B));
        Assert.True(unplanned.Rpo.Bound > TimeSpan.Zero);
        Assert.Equal(unplanned.Point!.CutAt, unplanned.Rpo.DataUpTo);
        Assert.Equal(("a", "b"), (unplanned.PrimaryBefore, unplanned.PrimaryAfter));
        Assert.NotNull(unplanned.Rto.Reached);
        Assert.True(unplanned.Rto.Met);

        var both = new RecoveryWorld();
        var planned = RunReports.Of(both.Run(RunKind.PlannedFailover, both.B));
        Assert.Equal(TimeSpan.Zero, planned.Rpo.Reached);
        Assert.Equal(TimeSpan.Zero, planned.Rpo.Bound);
    }

    [Fact]
    public void What_a_run_waited_for_its_approval_is_no_time_of_the_recovery_but_counts_as_loss()
    {
        var world = new RecoveryWorld();
        world.LoseA();
        var run = world.Run(RunKind.Failover, world.B);
        var prompt = RunReports.Of(run);
        var waited = RunReports.Of(run with
        {
            CreatedAt = run.CreatedAt.AddHours(-2),
            Approval = new RunApproval("acme/bert", run.CreatedAt),
        });
        Assert.Equal(prompt.Rto.Reached, waited.Rto.Reached);
        Assert.Equal(prompt.Rpo.Bound, waited.Rpo.Bound);
    }

    [Fact]
    public void A_reprotect_reports_the_bytes_it_moved()
    {
        var world = new RecoveryWorld();
        world.LoseA();
        world.Run(RunKind.Failover, world.B);
        world.BringABack();
        var report = RunReports.Of(world.Run(RunKind.Reprotect, world.B));
        var resync = Assert.Single(report.Resyncs);
        Assert.Equal(("b", "a", 4096L), (resync.From, resync.To, resync.MovedBytes));
    }

    [Fact]
    public void The_signature_holds_for_the_report_and_for_nothing_else()
    {
        using var ca = Certificate("CN=b, OU=ca");
        var world = new RecoveryWorld();
        var report = ReportSeal.Sign(RunReports.Of(world.Run(RunKind.TestFailover, world.B)), ca);
        Assert.True(ReportSeal.Verifies(report, ca));
        Assert.False(ReportSeal.Verifies(report with { Body = report.Body.Replace("shop", "shap") }, ca));
        using var other = Certificate("CN=b, OU=ca");
        Assert.False(ReportSeal.Verifies(report, other));
    }

    [Fact]
    public async Task Openssl_agrees_with_the_signature()
    {
        var ct = TestContext.Current.CancellationToken;
        if (!File.Exists("/usr/bin/openssl")) Assert.Skip("openssl is not installed");
        using var ca = Certificate("CN=b, OU=ca");
        var world = new RecoveryWorld();
        var report = ReportSeal.Sign(RunReports.Of(world.Run(RunKind.TestFailover, world.B)), ca);
        var folder = Directory.CreateTempSubdirectory("lb-report").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "body"), report.Body, ct);
        await File.WriteAllBytesAsync(Path.Combine(folder, "sig"), Convert.FromBase64String(report.Signature), ct);
        await File.WriteAllTextAsync(Path.Combine(folder, "key.pem"),
            ca.GetECDsaPublicKey()!.ExportSubjectPublicKeyInfoPem(), ct);
        using var openssl = Process.Start(new ProcessStartInfo("/usr/bin/openssl",
            ["dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "body"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        })!;
        Assert.Equal("Verified OK", (await openssl.StandardOutput.ReadToEndAsync(ct)).Trim());
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void The_page_is_whole_in_itself_and_escapes_what_it_shows()
    {
        using var ca = Certificate("CN=b, OU=ca");
        var world = new RecoveryWorld();
        var body = RunReports.Of(world.Run(RunKind.TestFailover, world.B)) with
        {
            Warnings = ["<script>alert(1)</script>"],
        };
        var page = ReportHtml.Render(ReportSeal.Sign(body, ca));
        Assert.DoesNotContain("<script", page);
        Assert.DoesNotContain("http", page.Replace("http-equiv", ""));
        Assert.Contains("Test failover of shop", page);
        foreach (var step in body.Steps) Assert.Contains(step.Name, page);
    }

    private static X509Certificate2 Certificate(string subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var from = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        return request.CreateSelfSigned(from, from.AddYears(10));
    }
}
