// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;

namespace Lifeboat.Tests.Qemu;

public sealed class ImageSourceTests
{
    [Theory]
    [InlineData("/var/lib/nova/instances/1/disk", null, "/var/lib/nova/instances/1/disk")]
    [InlineData("nbd:unix:/x:exportname=y", null, "nbd:unix:/x:exportname=y")]
    [InlineData("""json:{"driver":"qcow2","file":{"driver":"file","filename":"/a/disk"}}""", "file", "/a/disk")]
    [InlineData("""json:{"driver":"raw","file":{"driver":"qcow2","file":{"driver":"file","filename":"/a/disk"},"""
        + """ "backing":{"driver":"raw","file":{"driver":"file","filename":"/a/base"}}}}""", "file", "/a/disk")]
    [InlineData("""json:{"driver":"raw","file":{"pool":"vms","image":"1_disk","driver":"rbd"}}""", "rbd",
        "vms/1_disk")]
    [InlineData("""json:{"driver":"rbd","pool":"vms","namespace":"n","image":"1_disk.rescue"}""", "rbd",
        "vms/n/1_disk.rescue")]
    [InlineData("""json:{"driver":"null-co"}""", "null-co", "")]
    public void What_lies_at_the_bottom_is_read_from_paths_and_options(string filename, string? driver, string name) =>
        Assert.Equal(new ImageSource(driver, name), ImageSource.Read(filename));
}
