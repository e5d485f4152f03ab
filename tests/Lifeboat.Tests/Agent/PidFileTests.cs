// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Tests.Agent;

public sealed class PidFileTests : IDisposable
{
    private readonly SitePaths _paths = new(Directory.CreateTempSubdirectory("lb-pid").FullName);

    [Fact]
    public async Task A_role_is_played_by_one_process_at_a_time()
    {
        var first = await TakeAsync();

        Assert.Null(await TakeAsync());
        Assert.Equal(ProcessIdentity.Current, PidFile.Find(_paths, "agent"));

        first!.Dispose();
        using var second = await TakeAsync();
        Assert.NotNull(second);
    }

    [Fact]
    public void A_dead_process_or_another_with_its_number_is_nobody()
    {
        Directory.CreateDirectory(_paths.Run);
        using var process = Process.Start("sleep", "30");
        var identity = ProcessIdentity.Find(process.Id)!.Value;
        PidFile.Write(_paths.PidFile("agent"), identity);
        Assert.Equal(identity, PidFile.Find(_paths, "agent"));

        PidFile.Write(_paths.PidFile("agent"), identity with { StartTicks = identity.StartTicks - 1 });
        Assert.Null(PidFile.Find(_paths, "agent"));

        PidFile.Write(_paths.PidFile("agent"), identity);
        process.Kill();
        process.WaitForExit();
        Assert.Null(PidFile.Find(_paths, "agent"));
    }

    public void Dispose() => Directory.Delete(_paths.Root, recursive: true);

    private Task<PidFile?> TakeAsync() =>
        PidFile.TakeAsync(_paths, "agent", TimeSpan.Zero, TimeProvider.System, CancellationToken.None);
}
