// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Appliance;
using Lifeboat.Sites.OpenStack.Appliances;

namespace Lifeboat.Tests.Sites.OpenStack.Appliances;

public sealed class ApplianceOrderTests
{
    private const string Name = "00112233445566778899aabbccddeeff";

    [Fact]
    public async Task What_the_site_writes_the_program_reads()
    {
        await using var appliance = new TestAppliance();
        var written = ApplianceUserData.Write(Name, 10809, appliance.Ca);
        var order = ApplianceOrder.Parse(Encoding.UTF8.GetString(Convert.FromBase64String(written)));
        Assert.Equal((Name, 10809, appliance.Ca.Thumbprint), (order.Name, order.Port, order.Ca.Thumbprint));
    }

    [Fact]
    public void All_that_is_wrong_with_user_data_is_told_at_once()
    {
        var refused = Assert.Throws<InvalidDataException>(() =>
            ApplianceOrder.Parse("lifeboat-appliance 1\nname x\nport 0\nca ???\n"));
        foreach (var fault in new[] { "name is 'x'", "port is '0'", "ca is no certificate" })
            Assert.Contains(fault, refused.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => ApplianceOrder.Parse("#cloud-config\n"));
    }

    [Fact]
    public void A_fingerprint_is_of_the_name_and_the_newest_start()
    {
        var (older, newer) = (new string('a', 64), new string('b', 64));
        Assert.Null(ApplianceUserData.FindFingerprint("", Name));
        Assert.Null(ApplianceUserData.FindFingerprint($"lifeboat-appliance 1 {Name} sha256:{older[1..]}\n", Name));
        Assert.Equal(newer, ApplianceUserData.FindFingerprint($"""
            SeaBIOS
            lifeboat-appliance 1 {Name} sha256:{older}
            lifeboat-appliance: 0f5a7c1e-93d2-4b60-8 is /dev/vdb
            lifeboat-appliance 1 {Name} sha256:{newer}
            lifeboat-appliance 1 {Name[..31]}0 sha256:{older}

            """.Replace("\n", "\r\n", StringComparison.Ordinal), Name));
    }

    [Fact]
    public void A_disk_at_scsi_is_found_by_its_whole_serial()
    {
        var folder = Directory.CreateTempSubdirectory("lb-vpd-").FullName;
        try
        {
            var device = Directory.CreateDirectory(Path.Combine(folder, "block", "sda", "device")).FullName;
            File.WriteAllBytes(Path.Combine(device, "vpd_pg80"),
                [0, 0x80, 0, 36, .. Encoding.ASCII.GetBytes(TestAppliance.Volume)]);
            Directory.CreateDirectory(Path.Combine(folder, "block", "sr0"));
            var found = Assert.Single(new VolumeDevices(folder, "/dev").Find());
            Assert.Equal((TestAppliance.Volume[..20], "/dev/sda"), (found.Key, found.Value));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
