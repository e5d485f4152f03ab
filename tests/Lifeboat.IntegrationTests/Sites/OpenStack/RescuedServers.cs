// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// A server whose QEMU comes back with other disks in the places of its own: in rescue mode, of another image in the
/// first place; shelved and unshelved, of a new copy of its root. Nothing of the others may be taken for its own.
/// </summary>
public sealed class RescuedServers(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Group = "desk";
    private readonly string _name = $"rsc-{Guid.NewGuid().ToString("n")[..6]}";
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-rescue-").FullName;
    private VolumeProject? _a, _b;
    private TestServer? _server;
    private readonly List<string> _images = [];
    private string _id = "";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private VolumeProject A => _a!;
    private VolumeProject B => _b!;

    public async ValueTask InitializeAsync()
    {
        _a = await VolumeProject.MakeAsync("a", _name, Ct);
        _b = await VolumeProject.MakeAsync("b", _name, Ct);
        await A.Site.PairWithAsync(B.Site, Ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        foreach (var image in _images) await A.Cloud.Glance.DeleteImageAsync(image, CancellationToken.None);
        if (_b is not null) await _b.DisposeAsync();
        if (_a is not null) await _a.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact(Timeout = 20 * 60 * 1000)]
    public async Task No_point_has_a_disk_that_took_the_place_of_the_servers_own()
    {
        await BuildAsync();
        await A.Site.MustAsync(["group", "create", Group, "--instance", $"{_name}-db", "--recovery-site", "b",
            "--checkpoint-interval", "2s"], Ct);
        await A.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Patience.Limit, TimeProvider.System, Ct);
        var asks = new ServerAsks(A.Cloud, A.Session);
        await CutAsync();
        Say("rescue: " + await asks.ActAsync(_id, "rescue",
            new JsonObject { ["rescue_image_ref"] = await ImageAsync() }, "RESCUE"));
        // Nova starts it with the rescue image in the first place, its root in the second, and without its volumes.
        var rescued = await A.Site.UntilGroupAsync(Group, g => g.State is GroupState.Degraded
            && g.Source?.Detail?.Contains("in its place", StringComparison.Ordinal) is true, Patience.Limit,
            TimeProvider.System, Ct);
        await Task.Delay(TimeSpan.FromSeconds(10), Ct);
        Say(rescued.Source!.Detail!);
        await ProveNewestAsync("while it is rescued");
        Say("unrescue: " + await asks.ActAsync(_id, "unrescue", null, "ACTIVE"));
        await WholeAsync("after the rescue");
        Say("shelve: " + await asks.ActAsync(_id, "shelve", null, "SHELVED_OFFLOADED"));
        await SayGroupAsync();
        await ProveNewestAsync("while it is shelved");
        Say("unshelve: " + await asks.ActAsync(_id, "unshelve", null, "ACTIVE"));
        await WholeAsync("after it was shelved");
        await A.Site.MustAsync(["group", "delete", Group], Ct);
    }

    private async Task BuildAsync()
    {
        _server = new TestServer(A.Cloud, _name) { KeepsVolumes = true };
        var project = await A.Cloud.InventoryAsync(Ct);
        var fast = await _server.VolumeAsync("fast", 1, "rbd", null, Ct);
        _id = (await _server.BuildAsync("db", project.Flavors.First(f => f.Name == "oracle").Id, [fast], null, null, Ct,
            project.Images.First(i => i.Name == "oracle").Id, tagged: false)).Id;
        await UntilAnswersAsync();
    }

    // As long as the root, so that nothing but what it is tells them apart.
    private async Task<string> ImageAsync()
    {
        var file = Path.Combine(_folder, "rescue.qcow2");
        await HostCommand.MustAsync("qemu-img",
            ["convert", "-O", "qcow2", "-c", Path.Combine(Testbed.Folder, "oracle.qcow2"), file], Ct);
        await HostCommand.MustAsync("qemu-img", ["resize", file, "1G"], Ct);
        var image = await A.Cloud.Glance.CreateImageAsync(new JsonObject
        {
            ["name"] = $"{_name}-rescue", ["disk_format"] = "qcow2", ["container_format"] = "bare",
        }, Ct);
        _images.Add(image.Id);
        await A.Cloud.Glance.UploadAsync(image.Id, await File.ReadAllBytesAsync(file, Ct), Ct);
        return image.Id;
    }

    private async Task WholeAsync(string when)
    {
        await UntilAnswersAsync();
        var group = await A.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Patience.Limit, TimeProvider.System, Ct);
        Say($"{when}: {group.Source!.LastResync}, moved {group.Source.ResyncMovedBytes} of "
            + $"{group.Source.ResyncExaminedBytes} bytes");
        var cut = await CutAsync();
        await ProveAsync($"{cut.Point.Id}", mustEndWithMark: true, when);
    }

    private async Task<CheckpointResult> CutAsync()
    {
        var cut = await A.Site.AskAsync<CheckpointResult>(["point", "create", Group, "--quiesce"], Ct);
        Assert.True(cut.Point.Consistency == Consistency.Application, cut.Point.Note);
        return cut;
    }

    private async Task ProveNewestAsync(string when)
    {
        var points = await B.Site.AskAsync<IReadOnlyList<RecoveryPoint>>(["point", "list", Group], Ct);
        await ProveAsync($"{points.MaxBy(p => p.Sequence)!.Id}", mustEndWithMark: false, when);
    }

    private async Task ProveAsync(string point, bool mustEndWithMark, string when)
    {
        foreach (var file in Directory.GetFiles(_folder)) File.Delete(file);
        await B.Site.MustAsync(["point", "export", Group, "--point", point, "--to", _folder], Ct);
        var proof = await OracleChecker.CheckAsync(await PartitionedDisk.OracleImagesAsync(_folder, Ct),
            new OracleExpectation { MustEndWithMark = mustEndWithMark, WorkDirectory = _folder }, Ct);
        Say($"{when}: {string.Join("; ", proof.Lines())}");
        Assert.True(proof.Holds, $"{when}: {string.Join("; ", proof.Lines())}");
    }

    private async Task SayGroupAsync()
    {
        var group = await A.Site.AskAsync<GroupInfo>(["group", "get", Group], Ct);
        Say($"{group.State}: {group.Source?.Phase} {group.Source?.Reason} {group.Source?.Detail}; "
            + string.Join("; ", (group.Source?.Volumes ?? []).Select(v => $"{v}")));
    }

    private Task UntilAnswersAsync() => Patience.UntilAsync("the guest agent answers",
        async () => (await A.AskGuestAsync("guest-ping", Ct)).ExitCode == 0);

    private void Say(string line) => output.WriteLine(line);
}
