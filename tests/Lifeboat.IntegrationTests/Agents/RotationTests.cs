// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;
using Lifeboat.Protection;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>New certificates under a real stream.</summary>
public sealed class RotationTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_stream_goes_on_over_new_certificates_and_the_former_ones_connect_no_more()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.ProtectAsync(A, B);
        var before = await ProtectedQemu.WaitAsync(A, s => s.LastSealed is not null);
        var former = await KeepAsync();
        var issued = Renew();
        await vm.Qemu.WriteAsync(0, 0x41, 0, 1 << 20);
        await vm.AssertPointIsTheDisksAsync(A, B);
        var after = await A.Client.SourceAsync(ProtectedQemu.Group, None);
        Assert.Equal((before.Attaches, before.LastResync), (after.Attaches, after.LastResync)); // no session ended

        // The former ones are over; the living session does not care, the next one has the new ones.
        var over = new FormerCertificates(issued, DateTimeOffset.UtcNow - TimeSpan.FromSeconds(1));
        await File.WriteAllTextAsync(B.Paths.FormerCertificates(A.Name),
            JsonSerializer.Serialize(over, ContractJson.Options), None);
        await vm.Qemu.WriteAsync(0, 0x42, 0, 1 << 20);
        await vm.AssertPointIsTheDisksAsync(A, B);
        await B.StopAsync();
        await B.StartAsync();
        await ProtectedQemu.WaitAsync(A, s => s is { Phase: SourcePhase.Streaming, Reason: ReasonCode.None });
        await vm.AssertPointIsTheDisksAsync(A, B);

        await File.WriteAllTextAsync(A.Paths.AgentKey, former.Key, None);
        await File.WriteAllTextAsync(A.Paths.AgentCertificate, former.Certificate, None);
        await B.StopAsync();
        await B.StartAsync();
        await ProtectedQemu.WaitAsync(A, s => s.Reason == ReasonCode.CertificateRefused);
    }

    private async Task<(string Key, string Certificate)> KeepAsync() =>
        (await File.ReadAllTextAsync(A.Paths.AgentKey, None),
            await File.ReadAllTextAsync(A.Paths.AgentCertificate, None));

    private DateTimeOffset Renew()
    {
        using var identity = new SiteIdentity(A.Paths, TimeProvider.System);
        return SiteAuthority.Renew(A.Paths, SiteConfiguration.Read(A.Paths.Root), SiteAuthority.Life,
            identity.Controller.NotBefore, TimeProvider.System);
    }
}
