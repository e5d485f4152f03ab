// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;

namespace Lifeboat.Tests.Recovery;

public sealed class CheckTests
{
    [Theory]
    [InlineData("tcp:5432", null, CheckKind.Tcp, "5432")]
    [InlineData("db1/exec:pg_isready -h /run: now", "db1", CheckKind.Exec, "pg_isready -h /run: now")]
    [InlineData("exec:/bin/true", null, CheckKind.Exec, "/bin/true")]
    [InlineData("boot:300", null, CheckKind.Boot, "300")]
    public void A_check_is_read_and_written_back(string text, string? instance, CheckKind kind, string argument)
    {
        var (check, problem) = Check.Parse(text);
        Assert.Null(problem);
        Assert.Equal(new Check(instance, kind, argument), check);
        Assert.Equal(text, check!.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("tcp")]
    [InlineData("tcp:0")]
    [InlineData("tcp:65536")]
    [InlineData("tcp:+1")]
    [InlineData("boot:0")]
    [InlineData("exec:")]
    [InlineData("ping:1")]
    [InlineData("No Name/tcp:1")]
    public void What_is_no_check_is_said_to_be_none(string text)
    {
        var (check, problem) = Check.Parse(text);
        Assert.Null(check);
        Assert.Contains($"'{text}'", problem);
    }
}
