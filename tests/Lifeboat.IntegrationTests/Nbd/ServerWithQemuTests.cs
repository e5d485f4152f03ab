// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.IntegrationTests.Nbd;

/// <summary>Our server, spoken to by QEMU's block layer: qemu-img and qemu-io.</summary>
public sealed class ServerWithQemuTests
{
    private const long Size = 24 * 1024 * 1024;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Qemu_img_info_sees_the_size()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", Size));

        var info = (await Tool.RunAsync("qemu-img", "info", "--output=json", fixture.Uri("disk"))).Succeeded();

        Assert.Contains($"\"virtual-size\": {Size}", info, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Qemu_img_converts_in_compares_and_maps(bool file)
    {
        await using var fixture = new NbdFixture(new NbdExports());
        using var onFile = file ? OpenFile(fixture) : null;
        Assert.True(fixture.Exports.Add(onFile ?? (INbdExport)new MemoryExport("disk", Size)));
        var source = fixture.File("source");
        await File.WriteAllBytesAsync(source, new Prng(3).Bytes((int)Size / 2), Ct);
        (await Tool.RunAsync("truncate", "-s", Size.ToString(), source)).Succeeded();

        (await Tool.RunAsync("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", source, fixture.Uri("disk")))
            .Succeeded();
        (await Tool.RunAsync("qemu-img", "compare", "-f", "raw", "-F", "raw", source, fixture.Uri("disk"))).Succeeded();
        var map = (await Tool.RunAsync("qemu-img", "map", "--output=json", fixture.Uri("disk"))).Succeeded();

        Assert.Contains($"\"start\": 0, \"length\": {Size / 2}", map, StringComparison.Ordinal);
        Assert.Contains($"\"start\": {Size / 2}, \"length\": {Size / 2}", map, StringComparison.Ordinal);
        Assert.Contains("\"zero\": true, \"data\": false", map, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Qemu_io_writes_zeroes_discards_flushes_and_verifies()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", Size));

        var output = (await Tool.RunAsync("qemu-io", "-f", "raw", "-d", "unmap",
            "-c", "write -P 0x5a 0 1M", "-c", "write -f -P 0xa5 1M 64k", "-c", "write -z 256k 128k",
            "-c", "write -z -u 512k 128k", "-c", "discard 768k 64k", "-c", "flush",
            "-c", "read -P 0x5a 0 256k", "-c", "read -P 0 256k 128k", "-c", "read -P 0 512k 128k",
            "-c", "read -P 0 768k 64k", "-c", "read -P 0xa5 1M 64k", "-c", "write -P 1 4M 17M",
            "-c", "read -P 1 4M 17M", fixture.Uri("disk"))).Succeeded();

        Assert.DoesNotContain("failed", output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_read_only_export_cannot_be_written()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", Size, readOnly: true));

        var write = await Tool.RunAsync("qemu-io", "-f", "raw", "-c", "write 0 4k", fixture.Uri("disk"));
        var read = await Tool.RunAsync("qemu-io", "-r", "-f", "raw", "-c", "read -P 0 0 4k", fixture.Uri("disk"));

        Assert.NotEqual(0, write.ExitCode);
        read.Succeeded();
    }

    private static FileExport OpenFile(NbdFixture fixture)
    {
        var path = fixture.File("disk.img");
        using (var created = File.Create(path))
            created.SetLength(Size);
        return FileExport.Open("disk", path, readOnly: false);
    }
}
