// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Agent.Capture.Moments;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Tests.Agent;

/// <summary>Where a disk lies, of what QEMU says of it.</summary>
public sealed class DiskPlaceTests
{
    [Theory]
    [InlineData("raw", "/vm/disk.raw", "/vm/disk.raw", true)]
    [InlineData("qcow2", "json:{\"driver\": \"qcow2\", \"file\": {\"driver\": \"file\", \"filename\": \"/vm/over\"}, "
        + "\"backing\": {\"driver\": \"raw\", \"file\": {\"driver\": \"file\", \"filename\": \"/vm/base\"}}}",
        "/vm/over", true)]
    [InlineData("raw", "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"rbd\", \"pool\": \"p\", \"image\": \"i\"}}",
        "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"rbd\", \"pool\": \"p\", \"image\": \"i\"}}", false)]
    [InlineData("raw", "/dev/vg/disk", "/dev/vg/disk", false)]
    [InlineData("luks", "/vm/sealed", "/vm/sealed", false)]
    [InlineData("raw", "disk.raw", "disk.raw", false)]
    public void Only_plain_files_are_read_at_rest(string driver, string said, string file, bool plain)
    {
        var blocks = JsonSerializer.SerializeToElement(new[]
        {
            new Dictionary<string, object>
            {
                ["device"] = "", ["qdev"] = "/machine/peripheral/vd0/virtio-backend",
                ["inserted"] = new Dictionary<string, object>
                {
                    ["node-name"] = "n", ["drv"] = driver,
                    ["image"] = new Dictionary<string, object> { ["virtual-size"] = 1 << 20, ["filename"] = said },
                },
            },
        });
        var place = DiskPlace.Read(blocks, new SourceVolume(3, "vm.disk", "vm", "/qmp", "vd0", 1 << 20));
        Assert.Equal(new DiskPlace(3, driver, file), place);
        Assert.Equal(plain, place.IsPlainFile);
    }
}
