// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Sites.OpenStack;

public sealed class OpenStackSiteOptionsTests
{
    [Fact]
    public void All_faults_of_the_options_are_told_at_once_each_with_its_place()
    {
        var written = JsonSerializer.Deserialize<JsonElement>("""
            {
              "cloud": "", "libvirt": "/run/libvirt/libvirt-sock", "volumeLimit": "00:00:00",
              "volumes": {
                "neither": {},
                "both": { "folder": "/mnt", "rbd": { "pool": "volumes" } },
                "fast": { "rbd": { "pool": "a/b", "user": "client.cinder" }, "format": "qcow2" },
                "slow": { "folder": "mnt", "format": "vmdk" }
              },
              "standing": { "every": "00:00:00.5", "snapshots": 101, "bytesPerSecond": 5, "holdFor": "00:00:00",
                "volumeTypes": ["glacier"] }
            }
            """);
        var refused = Assert.Throws<SiteException>(() => SiteDrivers.Shipped().Open("openstack",
            new SiteSetting("/nowhere", written), TimeProvider.System, NullLoggerFactory.Instance));
        Assert.Equal(SiteFault.Refused, refused.Fault);
        foreach (var fault in new[]
        {
            "options.cloud is empty", "options.libvirt is '/run/libvirt/libvirt-sock'", "options.volumeLimit",
            "options.volumes.neither: say one of rbd, folder and appliance",
            "options.volumes.both: say one of rbd, folder and appliance",
            "options.volumes.fast: rbd: pool is 'a/b'", "options.volumes.fast: rbd: user is 'client.cinder'",
            "options.volumes.fast: format is of files", "options.volumes.slow: folder 'mnt' is no absolute path",
            "options.volumes.slow: format is 'vmdk'", "options.standing.every is 00:00:00.5",
            "options.standing.snapshots is 101", "options.standing.bytesPerSecond is 5",
            "options.standing.holdFor is 00:00:00", "options.standing.volumeTypes names 'glacier'",
        })
            Assert.Contains(fault, refused.Message, StringComparison.Ordinal);
    }
}
