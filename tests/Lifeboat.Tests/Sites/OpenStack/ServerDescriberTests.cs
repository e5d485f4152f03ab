// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Images;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>What services say, in the form in which they say it, as a description.</summary>
public sealed class ServerDescriberTests
{
    private const string Server = """
        {"server": {"id": "0e44cc9c-e052-415d-afbf-469b0d384170", "name": "db 1", "status": "ACTIVE",
          "created": "2026-11-29T10:01:32Z", "tenant_id": "p1", "user_id": "u1", "hostId": "92154f",
          "flavor": {"disk": 20, "ephemeral": 0, "extra_specs": {"hw:cpu_policy": "dedicated"},
            "original_name": "m1.small", "ram": 2048, "swap": 0, "vcpus": 2},
          "image": "", "key_name": "ops", "config_drive": "True", "locked": false, "locked_reason": null,
          "metadata": {"role": "database"}, "tags": ["blue"], "server_groups": ["g1"], "description": null,
          "trusted_image_certificates": null,
          "OS-EXT-AZ:availability_zone": "west", "OS-EXT-STS:power_state": 1, "OS-EXT-STS:task_state": null,
          "OS-EXT-SRV-ATTR:hostname": "db-1",
          "os-extended-volumes:volumes_attached": [{"id": "v-data", "delete_on_termination": false}]}}
        """;

    [Fact]
    public void A_server_from_a_volume_is_described_with_all_that_is_around_it()
    {
        var facts = Facts(Server);
        var description = ServerDescriber.Describe("s-db", facts, Project());
        Assert.Empty(description.Cloud!.Problems());
        Assert.Equal(2, description.Cpus);
        Assert.Equal(2048, description.MemoryMiB);
        Assert.True(description.Uefi);
        Assert.True(description.GuestAgent);
        Assert.Equal([("vda", 10L << 30, "v-root"), ("vdb", 2L << 30, "v-data")],
            description.Disks.Select(d => (d.Name, d.SizeBytes, d.Serial!)));
        var nic = Assert.Single(description.Nics);
        Assert.Equal(("lan", "fa:16:3e:23:fd:d7", "192.168.50.7"), (nic.Network, nic.Mac, nic.Address));

        var cloud = description.Cloud;
        Assert.Equal("db 1", cloud.ServerName);
        Assert.Equal("dedicated", cloud.Flavor.ExtraSpecs["hw:cpu_policy"]);
        Assert.Equal(["rbd", "nfs"], cloud.Disks.Select(d => d.Type));
        Assert.Equal("data", cloud.Disks[1].Tag);
        var port = Assert.Single(cloud.Ports);
        Assert.Equal(["web"], port.SecurityGroups);
        Assert.Equal(new CloudAddress("192.168.50.7", "192.168.50.0/24"), port.Addresses[0]);
        Assert.Equal(new CloudAddressPair("192.168.50.200", null), Assert.Single(port.AllowedPairs));
        Assert.Equal(("10.78.1.33", "public"), (port.Floating[0].Address, port.Floating[0].Pool));
        var network = Assert.Single(cloud.Networks);
        Assert.True(network.Own);
        Assert.Equal("public", Assert.Single(network.Routers).External);
        // `web` lets `office` in, so `office` is described too.
        Assert.Equal(["web", "office"], cloud.SecurityGroups.Select(g => g.Name));
        Assert.Equal("office", cloud.SecurityGroups[0].Rules[0].RemoteGroup);
        // Without its condition this rule would let everybody in.
        Assert.Empty(cloud.SecurityGroups[1].Rules);
        Assert.Equal("ssh-ed25519 AAAA ops", cloud.Keypair!.PublicKey);
        Assert.Equal(new CloudServerGroup("apart", "anti-affinity", 2), cloud.ServerGroup);
        Assert.True(cloud.ConfigDrive);
        Assert.Equal("west", cloud.AvailabilityZone);
        Assert.Equal(["a rule of security group 'office' for an address group; it is left out",
            "user data (Nova tells it to administrators only)"], cloud.Untold.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_server_from_an_image_has_a_root_disk_of_its_host()
    {
        var facts = Facts(Server.Replace("\"image\": \"\"", "\"image\": {\"id\": \"i1\", \"links\": []}")) with
        {
            Attachments = [new NovaAttachment("v-data", "/dev/vdb")],
            Image = Read("""
                {"id": "i1", "name": "debian", "status": "active", "min_disk": 2, "size": 900, "hw_disk_bus": "scsi",
                 "os_hash_algo": "sha512", "os_hash_value": "ab", "self": "/v2/images/i1", "tags": []}
                """, GlanceJson.Default.GlanceImage),
        };
        var description = ServerDescriber.Describe("s-db", facts, Project());
        Assert.Equal(["vda", "vdb"], description.Disks.Select(d => d.Name));
        Assert.Equal(20L << 30, description.Disks[0].SizeBytes);
        Assert.Equal("scsi", description.Disks[0].Bus);
        Assert.Null(description.Cloud!.Disks[0].VolumeId);
        Assert.Equal(new CloudImage("debian", "sha512:ab", 900), description.Cloud.Image);
        Assert.Equal("scsi", description.Cloud.HardwareProperties["hw_disk_bus"]);

        var gone = ServerDescriber.Describe("s-db", facts with { Image = null }, Project());
        Assert.Contains("properties of image i1, which is gone", gone.Cloud!.Untold);
    }

    [Fact]
    public void A_description_is_read_back_and_a_newer_one_is_used_as_far_as_it_is_known()
    {
        var description = ServerDescriber.Describe("s-db", Facts(Server), Project());
        var text = JsonSerializer.Serialize(description, ContractJson.Options);
        var back = JsonSerializer.Deserialize<InstanceDescription>(text, ContractJson.Options)!;
        Assert.Equal(text, JsonSerializer.Serialize(back, ContractJson.Options));

        // A peer of the next release writes a member that this one does not know, and says so by its format.
        var next = text.Replace("\"format\":1,", "\"format\":2,\"accelerators\":[\"gpu\"],");
        var read = JsonSerializer.Deserialize<InstanceDescription>(next, ContractJson.Answers)!;
        Assert.Empty(read.Cloud!.Problems());
        Assert.True(read.Cloud.IsNewer);
        var after = JsonSerializer.Deserialize<InstanceDescription>(next.Replace("\"format\":2", "\"format\":3"),
            ContractJson.Answers)!;
        Assert.Contains("upgrade this site", Assert.Single(after.Cloud!.Problems()));
    }

    [Fact]
    public void Instances_are_named_as_servers_where_that_is_clear()
    {
        NovaServer One(string id, string name, params string[] tags) => Read(Server, NovaJson.Default.ServerAnswer)
            .Server with { Id = id, Name = name, Tags = tags };
        var names = ServerNames.Of(
        [
            One("1", "web"), One("2", "db 1"), One("3", "twin"), One("4", "twin"),
            One("5", "anything", ServerNames.Tag("shop-web")),
        ]);
        Assert.Equal(["s-2", "s-3", "s-4", "shop-web", "web"], names.Keys.Order(StringComparer.Ordinal));
    }

    internal static T Read<T>(string json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(json, type)!;

    private static ServerFacts Facts(string server) => new(Read(server, NovaJson.Default.ServerAnswer).Server,
        [new NovaAttachment("v-data", "/dev/vdb", "data"), new NovaAttachment("v-root", "/dev/vda")],
        [
            new CinderVolume("v-data", 2, "in-use", "data", VolumeType: "nfs"),
            Read("""
                {"volume": {"id": "v-root", "size": 10, "status": "in-use", "bootable": "true", "volume_type": "rbd",
                  "volume_image_metadata": {"hw_firmware_type": "uefi", "hw_qemu_guest_agent": "yes",
                    "image_id": "i1", "min_ram": "0"}, "name": "", "metadata": {}}}
                """, CinderJson.Default.VolumeAnswer).Volume,
        ],
        Read("""
            {"ports": [{"id": "port1", "network_id": "n1", "mac_address": "FA:16:3e:23:fd:d7", "name": "",
              "admin_state_up": true, "device_id": "s", "device_owner": "compute:west", "dns_name": "",
              "status": "ACTIVE",
              "fixed_ips": [{"subnet_id": "s1", "ip_address": "192.168.50.7"}],
              "allowed_address_pairs": [{"ip_address": "192.168.50.200", "mac_address": "FA:16:3e:23:fd:d7"}],
              "security_groups": ["sg1"], "port_security_enabled": true, "binding:vnic_type": "normal", "tags": []}]}
            """, NeutronJson.Default.PortPage).Ports, null);

    private static CloudInventory Project() => new()
    {
        ProjectId = "p1",
        Keypairs = [new NovaKeypair("ops", "ssh-ed25519 AAAA ops", "ssh")],
        ServerGroups = [new NovaServerGroup("g1", "apart", "anti-affinity", new NovaGroupRules(2))],
        Networks =
        [
            new NeutronNetwork("n1", "lan", ProjectId: "p1", Mtu: 1450),
            new NeutronNetwork("n0", "public") { External = true },
        ],
        Subnets = [new NeutronSubnet("s1", "lan4", "n1", 4, "192.168.50.0/24", "192.168.50.1")],
        Routers = [new NeutronRouter("r1", "edge", ExternalGatewayInfo: new NeutronGateway("n0", true))],
        RouterPorts = [new NeutronPort("rp", "n1", "fa:16:3e:00:00:01", DeviceId: "r1")],
        SecurityGroups =
        [
            new NeutronSecurityGroup("sg1", "web", SecurityGroupRules:
                [new NeutronSecurityRule("ingress", Ethertype: "IPv4", Protocol: "tcp", PortRangeMin: 22,
                    PortRangeMax: 22, RemoteGroupId: "sg2")]),
            new NeutronSecurityGroup("sg2", "office", SecurityGroupRules:
                [new NeutronSecurityRule("ingress", RemoteAddressGroupId: "ag1")]),
            new NeutronSecurityGroup("sg3", "unused"),
        ],
        FloatingIps = [new NeutronFloatingIp("f1", "10.78.1.33", "n0", "port1", "192.168.50.7")],
    };
}
