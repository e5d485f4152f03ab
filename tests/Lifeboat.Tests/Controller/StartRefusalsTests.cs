// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Cli;
using Lifeboat.Protection;

namespace Lifeboat.Tests.Controller;

public sealed class StartRefusalsTests : IDisposable
{
    private readonly string _log = Path.GetTempFileName();

    public void Dispose() => File.Delete(_log);

    [Fact]
    public void What_a_process_said_since_is_told_with_all_faults_and_nothing_from_before()
    {
        File.WriteAllText(_log, "lifeboat: long ago\n  reason: conflict (exit code 4)\n");
        var refusals = new StartRefusals(_log);
        Assert.Equal(0, refusals.Count());

        File.AppendAllText(_log, "2026-11-30T01:53:53.526Z info: Something[1] lifeboat: is up\n"
            + "lifeboat: the file is wrong\n  Mend it.\n  - line 3: unknown\n  - line 4: missing\n"
            + "  reason: not-allowed (exit code 5)\n");
        Assert.Equal(1, refusals.Count());
        Assert.Equal("the file is wrong", refusals.Text);
        Assert.Equal(["Mend it.", "line 3: unknown", "line 4: missing"], refusals.Details);
        Assert.Equal((ReasonCode)5, refusals.Reason);

        File.AppendAllText(_log, "lifeboat: it is taken\n  reason: conflict (exit code 4)\nlifeboat: half");
        Assert.Equal(2, refusals.Count());
        Assert.Equal("it is taken", refusals.Text);
        Assert.Empty(refusals.Details);
    }

    [Fact]
    public void A_log_that_is_not_there_says_nothing()
    {
        File.Delete(_log);
        Assert.Equal(0, new StartRefusals(_log).Count());
    }
}
