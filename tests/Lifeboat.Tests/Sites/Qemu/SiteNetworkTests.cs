// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;
using Lifeboat.Sites.Qemu.Networks;

namespace Lifeboat.Tests.Sites.Qemu;

public sealed class SiteNetworkTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Without_a_file_there_is_one_network()
    {
        File.Delete(_file);
        Assert.Equal([SiteNetwork.Default], SiteNetwork.Read(_file));
        Assert.Empty(SiteNetwork.Default.Problems());
    }

    [Fact]
    public void All_faults_of_the_file_are_named_at_once()
    {
        File.WriteAllText(_file, """
            { "networks": [
              { "name": "A B", "subnet": "10.0.0.0/24", "host": "10.0.1.1", "dhcpFrom": "10.0.0.9", "dhcpTo": "x" },
              { "name": "v6", "subnet": "fd00::/64", "host": "fd00::1", "dhcpFrom": "fd00::2", "dhcpTo": "fd00::3" },
              { "name": "v6", "subnet": "10.1.0.0/24", "host": "10.1.0.1",
                "dhcpFrom": "10.1.0.2", "dhcpTo": "10.1.0.9" }
            ] }
            """);
        var faults = Assert.Throws<SiteException>(() => SiteNetwork.Read(_file)).Message;
        string[] expected =
            ["'A B'", "host '10.0.1.1'", "dhcpTo 'x'", "subnet 'fd00::/64'", "two networks 'v6'"];
        foreach (var part in expected)
            Assert.Contains(part, faults, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("default", "br-default")]
    [InlineData("a-network-with-a-long-name", "br-")]
    public void A_bridge_name_fits_an_interface(string name, string start)
    {
        var bridge = (SiteNetwork.Default with { Name = name }).Bridge;
        Assert.StartsWith(start, bridge, StringComparison.Ordinal);
        Assert.InRange(bridge.Length, 4, 15);
        Assert.InRange(NetworkSpace.TapName("an-instance-with-a-rather-long-name", 27).Length, 4, 15);
    }

    [Theory]
    [InlineData("10.0.0.0/8", "255.0.0.0")]
    [InlineData("192.168.77.0/24", "255.255.255.0")]
    [InlineData("10.0.0.0/30", "255.255.255.252")]
    public void A_prefix_becomes_a_mask(string subnet, string mask) =>
        Assert.Equal(mask, (SiteNetwork.Default with { Subnet = subnet }).PrefixMask);
}
