// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.Protection.Plans;
using Lifeboat.Sites.OpenStack.Appliances;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>
/// Whole runs into a project whose storage Lifeboat does not reach: the appliance is deleted, and the controller
/// killed, in the middle of the copy. The run goes on by itself, the oracle's records are all in the volume,
/// nothing is there twice, and nothing stays.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class ApplianceFaults(ITestOutputHelper output)
{
    // An image is uploaded, and a server is built and boots, on a machine that does other things besides.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_run_goes_on_whatever_becomes_of_its_appliance_and_its_controller()
    {
        ApplianceImageFile.SkipUnlessThere();
        var project = await TestProject.CreateAsync("lb-app", Ct);
        var shape = new CloudPairShape
        {
            Routed = true,
            Options = options => options with
            {
                Volumes = new Dictionary<string, VolumePlace>
                {
                    ["rbd"] = new() { Appliance = true }, ["nfs"] = new() { Appliance = true },
                },
                Appliances = new ApplianceSettings
                {
                    Network = "lan",
                    Flavor = "small",
                    Image = ApplianceImageFile.Path,
                    FloatingPool = TestProject.Pool,
                    Keep = TimeSpan.FromSeconds(20),
                    SilenceMax = TimeSpan.FromSeconds(30),
                },
                Map = options.Map with { VolumeTypes = new Dictionary<string, string> { [""] = "nfs" } },
                VolumeLimit = TimeSpan.FromMinutes(2),
                StopLimit = TimeSpan.FromMinutes(2),
            },
        };
        await using var pair = await FaultyCloudPair.StartAsync(project, shape, Ct);
        var before = await pair.Project.ThingsAsync(Ct);

        await DrillAsync(pair, before);
        pair.Pair.A.KillEverything();
        await pair.Vm.KillAsync(Ct);
        await FailoverAsync(pair, before);
    }

    // The appliance is deleted as soon as a volume is in it, and the controller killed when the copy goes on in the
    // next.
    private async Task DrillAsync(FaultyCloudPair pair, IReadOnlyList<string> before)
    {
        var start = Stopwatch.GetTimestamp();
        var run = await pair.StartRunAsync(Ct, "drill", FieldPair.Group, "--hold", "10m");
        var victim = await FilledInAsync(pair, null);
        await pair.Project.Cloud.Nova.DeleteServerAsync(victim, Ct);
        Say("deleted the appliance");
        await FilledInAsync(pair, victim);
        await pair.KillControllerAsync();
        Say("killed the controller");
        var held = await pair.HeldAsync(run.Id, Ct);
        Assert.True(held is { Finished: false }, FaultyCloudPair.Told(held));
        Say("the copy runs");
        var things = (await pair.Project.ThingsAsync(Ct)).Except(before).Select(t => t.Split(' ')[0]).ToList();
        Assert.Single(things, "volume");
        Assert.Single(things, "attachment");
        await pair.B.MustAsync(["run", "release", $"{run.Id}"], Ct);
        var ended = await pair.EndAsync(run.Id, Ct);
        Assert.True(ended.State is RunState.Succeeded, FaultyCloudPair.Told(ended));
        output.WriteLine(FaultyCloudPair.Told(ended));
        await NothingLeftAsync(pair, before);
        Say("nothing is left");

        void Say(string what) =>
            output.WriteLine($"drill: {what} after {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }

    private async Task FailoverAsync(FaultyCloudPair pair, IReadOnlyList<string> before)
    {
        var start = Stopwatch.GetTimestamp();
        var run = await pair.StartRunAsync(Ct, "failover", FieldPair.Group);
        await FilledInAsync(pair, null);
        await pair.KillControllerAsync();
        var ended = await pair.EndAsync(run.Id, Ct);
        Assert.True(ended.State is RunState.Succeeded, FaultyCloudPair.Told(ended));
        output.WriteLine($"failover: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s\n"
            + FaultyCloudPair.Told(ended));
        var point = Assert.Single(await pair.PointsAsync(Ct), p => p.Id == ended.PointId);
        await Patience.UntilAsync("appliances are gone", Limit, async () => (await Made()).Count == 4);
        Assert.Equal(["attachment", "port", "server", "volume"], (await Made()).Order());
        await ProveAsync(pair, new OracleExpectation { CutAt = point.CutAt, LostMax = 0 });

        async Task<List<string>> Made() =>
            [.. (await pair.Project.ThingsAsync(Ct)).Except(before).Select(t => t.Split(' ')[0])];
    }

    /// <returns>The server that has a volume that is filled now.</returns>
    private static async Task<string> FilledInAsync(FaultyCloudPair pair, string? other)
    {
        var found = "";
        await Patience.UntilAsync("a volume is in an appliance", Limit, async () =>
        {
            var volumes = await pair.Project.Cloud.Cinder.VolumesAsync(Ct);
            found = volumes.Where(v => v.Status == "in-use" && v.Metadata?.ContainsKey("lifeboat-filled") is not true)
                .SelectMany(v => v.Attachments ?? []).Select(a => a.ServerId).FirstOrDefault(s => s != other) ?? "";
            return found.Length > 0;
        });
        return found;
    }

    private static async Task NothingLeftAsync(FaultyCloudPair pair, IReadOnlyList<string> before)
    {
        IReadOnlyList<string> left = [];
        await Patience.UntilAsync("appliances and all that hung on them are gone", Limit, async () =>
        {
            left = [.. (await pair.Project.ThingsAsync(Ct)).Except(before)];
            return left.Count == 0;
        });
        Assert.Equal(before, await pair.Project.ThingsAsync(Ct));
    }

    // The guest is stopped, and its volume read where it lies.
    private static async Task ProveAsync(FaultyCloudPair pair, OracleExpectation expectation)
    {
        var cloud = pair.Project.Cloud;
        var server = Assert.Single(await cloud.Nova.ServersAsync(Ct));
        await cloud.Nova.StopServerAsync(server.Id, Ct);
        await new ServerWait(cloud.Nova, TimeProvider.System).UntilAsync(server.Id, "SHUTOFF", TimeSpan.FromMinutes(2),
            Ct);
        var volume = Assert.Single(await cloud.Cinder.VolumesAsync(Ct));
        var site = Testbed.FolderOf(Testbed.Member["lifeboat-".Length..]);
        var pid = (await File.ReadAllTextAsync(Path.Combine(site, "init.pid"), Ct)).Split(' ')[0].Trim();
        var image = Path.Combine(pair.Pair.Directory, "recovered.img");
        await HostCommand.MustAsync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw",
            $"/proc/{pid}/root/srv/volumes/volume-{volume.Id}", image], Ct);
        var proof = await pair.ProveAsync(image, expectation, Ct);
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
        TestContext.Current.SendDiagnosticMessage(string.Join('\n', proof.Lines()));
    }
}
