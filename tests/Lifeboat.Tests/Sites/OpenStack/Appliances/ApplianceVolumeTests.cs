// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Security.Cryptography;
using Lifeboat.Contracts.Sites;
using Lifeboat.Nbd;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Appliances;
using Lifeboat.Sites.OpenStack.Filling;

namespace Lifeboat.Tests.Sites.OpenStack.Appliances;

/// <summary>The site's side against the program that runs in an appliance.</summary>
public sealed class ApplianceVolumeTests
{
    private const int MiB = 1 << 20;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_written_and_zeroed_is_in_the_device()
    {
        await using var appliance = new TestAppliance();
        appliance.Attach(16 * MiB);
        await using (var volume = await appliance.OpenAsync(Ct))
        {
            Assert.Equal(16 * MiB, volume.SizeBytes);
            var data = RandomNumberGenerator.GetBytes(5 * MiB);
            // Several at once, one longer than what the appliance takes in one piece.
            await Task.WhenAll(volume.WriteAsync(0, data, Ct).AsTask(),
                volume.WriteAsync(8 * MiB, data.AsMemory(0, 4096), Ct).AsTask(),
                volume.ZeroAsync(10 * MiB, 2 * MiB, Ct).AsTask());
            await volume.FlushAsync(Ct);
            var there = await File.ReadAllBytesAsync(appliance.Device, Ct);
            Assert.True(there.AsSpan(0, 5 * MiB).SequenceEqual(data));
            Assert.True(there.AsSpan(8 * MiB, 4096).SequenceEqual(data.AsSpan(0, 4096)));
            Assert.False(there.AsSpan(10 * MiB, 2 * MiB).ContainsAnyExcept((byte)0));
            Assert.False(there.AsSpan(12 * MiB).ContainsAnyExcept((byte)0xa5));
        }
    }

    [Fact]
    public async Task A_view_is_copied_over_what_was_there_and_gone_on_with_behind_what_was_flushed()
    {
        await using var appliance = new TestAppliance();
        appliance.Attach(160 * MiB);
        var image = Path.Combine(appliance.Folder, "view.img");
        // Data, a hole, zeros that are written, and an end within a block.
        var data = RandomNumberGenerator.GetBytes(3 * MiB + 5000);
        await using (var file = File.Create(image))
        {
            file.SetLength(130 * MiB + 512);
            RandomAccess.Write(file.SafeFileHandle, data, 1 * MiB + 100);
            RandomAccess.Write(file.SafeFileHandle, new byte[MiB], 50 * MiB);
            RandomAccess.Write(file.SafeFileHandle, data.AsSpan(0, 512), 130 * MiB);
        }
        var socket = Path.Combine("/tmp", $"{Guid.NewGuid():n}.sock");
        using var export = FileExport.Open("vda", image, readOnly: true);
        await using var server = NbdServer.Listen(new UnixDomainSocketEndPoint(socket), new NbdExports(export),
            NbdServerOptions.Default);
        var source = new DiskSource("vda", null, socket, "vda", KeepWrites: true);
        // Cut in the middle of a stretch: nothing of that counts.
        var torn = new ViewCopy(source);
        await using (var cut = new CutVolume(await appliance.OpenAsync(Ct), writes: 2))
            await Assert.ThrowsAsync<SiteException>(() => torn.RunAsync(cut, 0, _ => Task.CompletedTask, Ct));
        Assert.Equal(0, torn.Done);
        var first = new ViewCopy(source);
        await using (var volume = await appliance.OpenAsync(Ct))
        {
            // Ends after the first stretch, as when the appliance is lost.
            await Assert.ThrowsAsync<SiteException>(() => first.RunAsync(volume, 0,
                _ => throw new SiteException(SiteFault.CloudUnavailable, "lost"), Ct));
        }
        Assert.Equal(32 * MiB, first.Done);
        var marks = new List<long>();
        await using (var volume = await appliance.OpenAsync(Ct))
        {
            var copy = new ViewCopy(source);
            await copy.RunAsync(volume, first.Done, done =>
            {
                marks.Add(done);
                return Task.CompletedTask;
            }, Ct);
            Assert.InRange(copy.Sent, 4096, 1 * MiB);
        }
        Assert.Equal([64L * MiB, 96L * MiB, 128L * MiB, 160L * MiB], marks);
        var wanted = new byte[160 * MiB];
        (await File.ReadAllBytesAsync(image, Ct)).CopyTo(wanted, 0);
        Assert.True((await File.ReadAllBytesAsync(appliance.Device, Ct)).AsSpan().SequenceEqual(wanted));
    }

    [Fact]
    public async Task Nobody_is_let_in_without_a_certificate_of_a_controller_of_the_site()
    {
        await using var appliance = new TestAppliance();
        await using var other = new TestAppliance();
        appliance.Attach(1 * MiB);
        await (await appliance.OpenAsync(Ct)).DisposeAsync();
        using var agent = appliance.Certificate("agent");
        using var stranger = other.Certificate("controller");
        foreach (var shown in new[] { agent, stranger })
        {
            var refused = await Assert.ThrowsAsync<SiteException>(() => ApplianceVolume.OpenAsync(appliance.Address,
                appliance.Fingerprint, shown, TestAppliance.Volume, 1, TimeProvider.System, Ct));
            Assert.Equal(SiteFault.CloudUnavailable, refused.Fault);
        }
        // And an appliance that is not the one whose console was read gets nothing.
        using var own = appliance.Certificate("controller");
        await Assert.ThrowsAsync<SiteException>(() => ApplianceVolume.OpenAsync(appliance.Address, other.Fingerprint,
            own, TestAppliance.Volume, 1, TimeProvider.System, Ct));
        // Without TLS nothing is told.
        await Assert.ThrowsAsync<NbdException>(() => NbdClient.ConnectAsync(appliance.Address,
            new NbdClientOptions { Export = TestAppliance.Volume[..20] }, Ct));
    }

    [Fact]
    public async Task A_newer_client_ends_the_older_one()
    {
        await using var appliance = new TestAppliance();
        appliance.Attach(1 * MiB);
        await using var first = await appliance.OpenAsync(Ct);
        await first.WriteAsync(0, new byte[4096], Ct);
        await using var second = await appliance.OpenAsync(Ct);
        var cut = await Assert.ThrowsAsync<SiteException>(async () =>
        {
            await first.WriteAsync(0, new byte[4096], Ct);
            await first.FlushAsync(Ct);
        });
        Assert.Equal(SiteFault.CloudUnavailable, cut.Fault);
        await second.WriteAsync(0, new byte[4096], Ct);
        await second.FlushAsync(Ct);
    }

    [Fact]
    public async Task A_volume_that_is_taken_out_cannot_be_written_any_more()
    {
        await using var appliance = new TestAppliance();
        appliance.Attach(1 * MiB);
        await using var volume = await appliance.OpenAsync(Ct);
        appliance.Detach();
        while (!appliance.Said.Any(s => s.EndsWith("is gone", StringComparison.Ordinal))) await Task.Delay(20, Ct);
        await Assert.ThrowsAsync<SiteException>(async () =>
        {
            await volume.WriteAsync(0, new byte[4096], Ct);
            await volume.FlushAsync(Ct);
        });
        Assert.False((await File.ReadAllBytesAsync(appliance.Device, Ct)).AsSpan().ContainsAnyExcept((byte)0xa5));
    }

    [Fact]
    public async Task A_volume_that_is_too_short_is_refused()
    {
        await using var appliance = new TestAppliance();
        appliance.Attach(1 * MiB);
        await (await appliance.OpenAsync(Ct)).DisposeAsync();
        using var own = appliance.Certificate("controller");
        var refused = await Assert.ThrowsAsync<SiteException>(() => ApplianceVolume.OpenAsync(appliance.Address,
            appliance.Fingerprint, own, TestAppliance.Volume, 2 * MiB, TimeProvider.System, Ct));
        Assert.Equal(SiteFault.Refused, refused.Fault);
        Assert.Contains("1048576 bytes", refused.Message, StringComparison.Ordinal);
    }
}
