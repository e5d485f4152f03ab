// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Nbd;
using Lifeboat.Protection;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>What two real agents keep on their disks when their sites encrypt.</summary>
public sealed class EncryptionTests : TwoAgents
{
    private const byte Pattern = 0x5B;
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task No_byte_of_a_guest_is_on_either_sites_disk_and_without_the_key_nothing_opens()
    {
        await EncryptAsync(A);
        var key = await EncryptAsync(B);
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.Qemu.WriteAsync(0, Pattern, 1 << 20, 2 << 20);
        var spec = vm.SourceSpec(B.Name, B.LinkAddress);
        spec = spec with { Policy = spec.Policy with { OutboxBytes = 16 << 20, OutboxLogBytes = 64 << 20 } };
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        await A.Client.PutSourceAsync(spec, None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        var before = await ProtectedQemu.WaitAsync(A, s => s.LastSealed is not null);
        await vm.Qemu.WriteAsync(0, Pattern, 8 << 20, 1 << 20);
        await vm.AssertPointIsTheDisksAsync(A, B);
        Assert.True((await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).Encrypted);
        var view = await B.Client.OpenViewAsync(
            ProtectedQemu.Group, new ViewRequest("drill", null, null, true), None);
        await WriteAsync(view.Volumes[0], 3 << 20);

        await B.StopAsync();
        for (var i = 0; i < 6; i++)
        {
            await vm.Qemu.WriteAsync(0, Pattern, (12 << 20) + i * (3 << 20), 3 << 20);
            await ProtectedQemu.WaitAsync(A, s => s.Outbox!.MemoryBytes <= 9 << 20);
        }
        await ProtectedQemu.WaitAsync(A, s => s.Outbox is { Rung: OutboxRung.Log });
        AssertNoPlainBytes(A.Paths.Root, "outbox/g1/seg-");
        AssertNoPlainBytes(B.Paths.Root, "journal/seg-");

        File.Move(key, key + ".away");
        await B.StartAsync();
        var locked = await Assert.ThrowsAsync<ProblemException>(
            () => B.Client.ReplicaAsync(ProtectedQemu.Group, None));
        Assert.Equal(ReasonCode.KeyUnavailable, locked.Reason);
        // Whoever wants it once more, as a controller does, changes nothing of it.
        locked = await Assert.ThrowsAsync<ProblemException>(
            () => B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None));
        Assert.Equal(ReasonCode.KeyUnavailable, locked.Reason);

        File.Move(key + ".away", key);
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        await ProtectedQemu.WaitAsync(A, s => s.LastSealed?.Sequence > before.LastSealed!.Sequence
            && s is { Phase: SourcePhase.Streaming, Outbox.Rung: OutboxRung.Memory });
        await vm.AssertPointIsTheDisksAsync(A, B);
        AssertNoPlainBytes(B.Paths.Root, "journal/seg-");
    }

    private static async Task<string> EncryptAsync(AgentSite site)
    {
        var key = Path.Combine(site.Paths.Root, "site.key");
        await File.WriteAllTextAsync(key, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), None);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var configuration = SiteConfiguration.Read(site.Paths.Root) with
        {
            Encryption = new EncryptionSettings { KeyFile = key },
        };
        await File.WriteAllTextAsync(
            site.Paths.Configuration, JsonSerializer.Serialize(configuration, ContractJson.Options), None);
        return key;
    }

    private static void AssertNoPlainBytes(string root, string among)
    {
        var plain = new byte[32];
        Array.Fill(plain, Pattern);
        var files = Directory.GetFiles(root, "*", SearchOption.AllDirectories)
            .Where(f => !f.EndsWith(".sock", StringComparison.Ordinal)
                && !f.Contains("/views/", StringComparison.Ordinal)).ToArray();
        Assert.Contains(files, f => f.Contains(among, StringComparison.Ordinal));
        foreach (var file in files)
            if (File.Exists(file) && new FileInfo(file).Length > 0)
                Assert.True(File.ReadAllBytes(file).AsSpan().IndexOf(plain) < 0, $"{file} has bytes of the guest");
    }

    private static async Task WriteAsync(ViewVolume volume, long offset)
    {
        await using var nbd = await NbdClient.ConnectAsync(
            new UnixDomainSocketEndPoint(volume.Socket),
            new NbdClientOptions { Export = volume.Export }, None);
        var bytes = new byte[8192];
        Array.Fill(bytes, Pattern);
        await nbd.WriteAsync(offset, bytes, fua: true, None);
    }
}
