// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.IntegrationTests.Nbd;

public sealed class ServerWithFioTests
{
    [Theory]
    [InlineData("randwrite", "4k", 32)]
    [InlineData("write", "256k", 8)]
    [InlineData("randrw", "512", 16)]
    public async Task Fio_verifies_what_it_wrote(string pattern, string block, int depth)
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 32 * 1024 * 1024));
        Assert.SkipUnless((await Tool.RunAsync("fio", "--enghelp")).Output.Contains("nbd"), "fio has no NBD engine");

        var run = await Tool.RunAsync("fio", "--name=x", "--ioengine=nbd", $"--uri={fixture.Uri("disk")}",
            $"--rw={pattern}", $"--bs={block}", $"--iodepth={depth}", "--size=16m", "--io_size=8m",
            "--verify=crc32c", "--verify_fatal=1", "--do_verify=1", $"--aux-path={fixture.File("")}");

        run.Succeeded();
        Assert.DoesNotContain("verify:", run.Error, StringComparison.Ordinal);
    }
}
