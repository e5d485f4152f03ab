// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.IntegrationTests.Nbd;

/// <summary>Our server, spoken to by libnbd: nbdinfo, nbdcopy, nbdsh.</summary>
public sealed class ServerWithLibnbdTests
{
    private const long Size = 16 * 1024 * 1024;

    [Fact]
    public async Task Nbdinfo_reads_what_we_offer()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", Size));

        var info = (await Tool.RunAsync("nbdinfo", "--json", fixture.Uri("disk"))).Succeeded();

        Assert.Contains("\"protocol\": \"newstyle-fixed\"", info, StringComparison.Ordinal);
        Assert.Contains($"\"export-size\": {Size}", info, StringComparison.Ordinal);
        Assert.Contains("\"structured\": true", info, StringComparison.Ordinal);
        foreach (var can in (string[])["can_cache", "can_df", "can_fast_zero", "can_flush", "can_fua", "can_multi_conn",
            "can_trim", "can_zero"])
            Assert.Contains($"\"{can}\": true", info, StringComparison.Ordinal);
        Assert.Contains("base:allocation", info, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nbdinfo_lists_and_maps()
    {
        var disk = new MemoryExport("disk", Size);
        disk.Write(1024 * 1024, new byte[1024 * 1024], fua: false);
        await using var fixture = new NbdFixture(new NbdExports(disk, new MemoryExport("other", 4096)));

        var list = (await Tool.RunAsync("nbdinfo", "--list", fixture.Uri(""))).Succeeded();
        var map = (await Tool.RunAsync("nbdinfo", "--map", fixture.Uri("disk"))).Succeeded();

        Assert.Contains("export=\"disk\"", list, StringComparison.Ordinal);
        Assert.Contains("export=\"other\"", list, StringComparison.Ordinal);
        var rows = map.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(r => r.Split(' ',
            StringSplitOptions.RemoveEmptyEntries).Take(3).Select(int.Parse));
        Assert.Equal([[0, 1048576, 3], [1048576, 1048576, 0], [2097152, 14680064, 3]], rows);
    }

    [Fact]
    public async Task Nbdcopy_brings_data_in_and_out_over_several_connections()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", Size));
        var (source, back) = (fixture.File("source"), fixture.File("back"));
        await File.WriteAllBytesAsync(source, new Prng(7).Bytes((int)Size), TestContext.Current.CancellationToken);

        (await Tool.RunAsync("nbdcopy", "--connections=4", source, fixture.Uri("disk"))).Succeeded();
        (await Tool.RunAsync("nbdcopy", "--connections=4", fixture.Uri("disk"), back)).Succeeded();

        (await Tool.RunAsync("cmp", source, back)).Succeeded();
    }

    [Theory]
    [InlineData("h.pwrite(b'x'*512, 512, nbd.CMD_FLAG_FUA); assert h.pread(512, 512) == b'x'*512")]
    [InlineData("h.pread_structured(4096, 0, lambda buf, at, status, err: None, nbd.CMD_FLAG_DF)")]
    [InlineData("h.pwrite(b'x'*8192, 0); h.zero(4096, 2048, nbd.CMD_FLAG_NO_HOLE | nbd.CMD_FLAG_FUA); "
        + "assert h.pread(8192, 0) == b'x'*2048 + bytearray(4096) + b'x'*2048")]
    [InlineData("h.pwrite(b'x'*9, 0); h.zero(9, 0, nbd.CMD_FLAG_FAST_ZERO); assert h.pread(9, 0) == bytearray(9)")]
    [InlineData("h.trim(1024*1024, 0); h.cache(1024*1024, 0); h.flush()")]
    [InlineData("h.pread(33554432 // 2, 0)")]
    public async Task Nbdsh_requests_work(string script) => (await NbdshAsync(script)).Succeeded();

    [Theory]
    [InlineData("h.pread(512, h.get_size())", "EINVAL")]
    [InlineData("h.pread(512, h.get_size() - 511)", "EINVAL")]
    [InlineData("h.pwrite(b'x'*512, h.get_size() - 511)", "ENOSPC")]
    [InlineData("h.zero(512, 0xfffffffffffffe00)", "ENOSPC")]
    [InlineData("h.trim(0x80000000, 0)", "EINVAL")]
    [InlineData("h.pread(0, 0)", "EINVAL")]
    public async Task Nbdsh_requests_outside_the_export_are_refused(string request, string errno)
    {
        var script = $"""
            h.set_strict_mode(0)
            try:
                {request}
            except nbd.Error as e:
                assert e.errno == "{errno}", e.errno
            else:
                raise Exception("accepted")
            h.pread(512, 0)
            """;

        (await NbdshAsync(script)).Succeeded();
    }

    private static async Task<ToolResult> NbdshAsync(string script)
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", Size));
        return await Tool.RunAsync("python3", "-m", "nbd", "-u", fixture.Uri("disk"), "-c", script);
    }
}
