// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

public sealed class CertificateRotationTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task New_certificates_are_used_at_once_and_the_former_ones_are_refused_when_the_overlap_is_over(
        bool newCa)
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        using var former = Own(sites.A);
        var result = await sites.A.Client.RotateCertificatesAsync(
            new RotateCertificatesRequest(newCa, TimeSpan.FromHours(1), TimeSpan.FromDays(90)), Ct);
        Assert.Empty(result.Untold);
        Assert.True(result.Certificates.Single(c => c.Role == "agent").NotAfter
            < DateTimeOffset.UtcNow + TimeSpan.FromDays(91));
        using var present = Own(sites.A);
        Assert.NotEqual(former.Thumbprint, present.Thumbprint);
        Assert.True(await TakesAsync(sites.B, former));
        Assert.True(await TakesAsync(sites.B, present));

        await sites.A.Client.RotateCertificatesAsync(new RotateCertificatesRequest(false, TimeSpan.Zero), Ct);
        using var newest = Own(sites.A);
        Assert.False(await TakesAsync(sites.B, former));
        Assert.False(await TakesAsync(sites.B, present));
        Assert.True(await TakesAsync(sites.B, newest));
        // Both directions go on as before, and so do restarted controllers.
        await sites.B.StopControllerAsync();
        await sites.B.StartControllerAsync();
        await sites.A.Client.SuspendGroupAsync("shop", new SuspendGroupRequest("a look", TimeSpan.FromHours(1)), Ct);
        await UntilAsync(sites.B, GroupState.Suspended);
        Assert.Contains("lifeboat_certificate_expires_seconds{site=\"a\",role=\"agent\"}",
            await sites.A.Client.MetricsAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_other_site_no_CA_is_changed_and_of_certificates_it_is_told_when_it_is_back()
    {
        await using var sites = await TwoSites.StartAsync();
        using var former = Own(sites.A);
        var ca = await File.ReadAllTextAsync(sites.A.Paths.CaCertificate, Ct);
        await sites.B.StopControllerAsync();
        await RefusedAsync(ReasonCode.PeerUnreachable, () => sites.A.Client.RotateCertificatesAsync(
            new RotateCertificatesRequest(NewCa: true, TimeSpan.Zero), Ct));
        Assert.Equal(ca, await File.ReadAllTextAsync(sites.A.Paths.CaCertificate, Ct));
        using (var same = Own(sites.A)) Assert.Equal(former.Thumbprint, same.Thumbprint);

        var result = await sites.A.Client.RotateCertificatesAsync(
            new RotateCertificatesRequest(NewCa: false, TimeSpan.Zero), Ct);
        Assert.Equal(["b"], result.Untold);
        await sites.B.StartControllerAsync();
        for (var tries = 0; await TakesAsync(sites.B, former); tries++)
        {
            Assert.True(tries < 300, "it was never told");
            await Task.Delay(100, Ct);
        }
        using var present = Own(sites.A);
        Assert.True(await TakesAsync(sites.B, present));
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        foreach (var (overlap, life) in new[] { (-1, 30), (31, 30), (1, 0), (1, 4000) })
            await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.RotateCertificatesAsync(
                new RotateCertificatesRequest(false, TimeSpan.FromDays(overlap), TimeSpan.FromDays(life)), Ct));
    }

    private static X509Certificate2 Own(TestSite site) =>
        X509Certificate2.CreateFromPemFile(site.Paths.ControllerCertificate, site.Paths.ControllerKey);

    private static async Task<bool> TakesAsync(TestSite site, X509Certificate2 certificate)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new System.Net.Security.SslClientAuthenticationOptions
            {
                LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate,
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
            },
        });
        using var answer = await http.GetAsync($"{site.Url}/peer/v1/boot/{new string('0', 64)}", Ct);
        return answer.StatusCode == HttpStatusCode.OK;
    }
}
