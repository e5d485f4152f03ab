// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent;

namespace Lifeboat.Tests.Agent;

public sealed class CodePagesTests
{
    [Theory]
    [InlineData("7f5c1c000000-7f5c1c021000 r-xp 00001000 fe:00 1234                  /usr/lib/x.so", true)]
    [InlineData("7f5c1c000000-7f5c1c021000 r-xp 00001000 fe:00 1234     /opt/with space/a b.dll", true)]
    [InlineData("7f5c1c000000-7f5c1c021000 r--p 00001000 fe:00 1234                  /usr/lib/x.so", false)]
    [InlineData("7f5c1c000000-7f5c1c021000 rw-p 00001000 fe:00 1234                  /usr/lib/x.so", false)]
    [InlineData("7f5c1c000000-7f5c1c021000 r-xp 00001000 fe:00 1234   /usr/lib/x.so (deleted)", false)]
    [InlineData("7f5c1c000000-7f5c1c021000 r-xs 00000000 00:01 7  /memfd:doublemapper (deleted)", false)]
    [InlineData("7f5c1c000000-7f5c1c021000 r-xp 00000000 00:00 0 ", false)]
    [InlineData("7ffd5a9f2000-7ffd5a9f4000 r-xp 00000000 00:00 0                          [vdso]", false)]
    public void Only_code_of_files_that_are_there_is_taken(string line, bool isCode)
    {
        Assert.True(CodePages.TryReadHead(line, out var code));
        Assert.Equal(isCode ? (0x7f5c1c000000, 0x7f5c1c021000) : null, ((long, long)?)code);
    }

    [Theory]
    [InlineData("Anonymous:             0 kB")]
    [InlineData("VmFlags: rd ex mr mw me sd ")]
    [InlineData("")]
    public void What_is_said_of_a_range_is_none(string line) => Assert.False(CodePages.TryReadHead(line, out _));

    [Fact]
    public void Code_that_is_not_run_is_not_in_memory_afterwards_and_runs_when_it_is_wanted()
    {
        var before = Resident();
        CodePages.Unmap();
        Assert.True(Resident() < before);
        Assert.Equal("1,5", string.Join(',', Enumerable.Range(1, 5).Where(n => n % 4 == 1)));
    }

    // KiB of pages of files.
    private static long Resident()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("RssFile:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }
}
