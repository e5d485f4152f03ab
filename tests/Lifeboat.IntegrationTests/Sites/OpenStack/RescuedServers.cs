// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
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
    private readonly List<string> _images = [];
    private ProjectPair? _pair;
    private string _id = "";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private ProjectPair Pair => _pair!;
    private VolumeProject A => Pair.A;

    public async ValueTask InitializeAsync() => _pair = await ProjectPair.MakeAsync("rsc", Ct);

    public async ValueTask DisposeAsync()
    {
        if (_pair is null) return;
        foreach (var image in _images) await A.Cloud.Glance.DeleteImageAsync(image, CancellationToken.None);
        await _pair.DisposeAsync();
    }

    [Fact(Timeout = 20 * 60 * 1000)]
    public async Task No_point_has_a_disk_that_took_the_place_of_the_servers_own()
    {
        await BuildAsync();
        await A.Site.MustAsync(["group", "create", Group, "--instance", $"{Pair.Name}-db", "--recovery-site", "b",
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
        var project = await A.Cloud.InventoryAsync(Ct);
        var fast = await Pair.Servers.VolumeAsync("fast", 1, "rbd", null, Ct);
        _id = (await Pair.Servers.BuildAsync("db", project.Flavors.First(f => f.Name == "oracle").Id, [fast], null,
            null, Ct, project.Images.First(i => i.Name == "oracle").Id, tagged: false)).Id;
        await A.UntilGuestAnswersAsync(Ct);
    }

    // As long as the root, so that nothing but what it is tells them apart.
    private async Task<string> ImageAsync()
    {
        var file = Path.Combine(Pair.Folder, "rescue.qcow2");
        await HostCommand.MustAsync("qemu-img",
            ["convert", "-O", "qcow2", "-c", Path.Combine(Testbed.Folder, "oracle.qcow2"), file], Ct);
        await HostCommand.MustAsync("qemu-img", ["resize", file, "1G"], Ct);
        var image = await A.Cloud.Glance.CreateImageAsync(new JsonObject
        {
            ["name"] = $"{Pair.Name}-rescue", ["disk_format"] = "qcow2", ["container_format"] = "bare",
        }, Ct);
        _images.Add(image.Id);
        await A.Cloud.Glance.UploadAsync(image.Id, await File.ReadAllBytesAsync(file, Ct), Ct);
        return image.Id;
    }

    private async Task WholeAsync(string when)
    {
        await A.UntilGuestAnswersAsync(Ct);
        var group = await A.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Patience.Limit, TimeProvider.System, Ct);
        Say($"{when}: {group.Source!.LastResync}, moved {group.Source.ResyncMovedBytes} of "
            + $"{group.Source.ResyncExaminedBytes} bytes");
        var cut = await CutAsync();
        Say($"{when}: {await Pair.ProveAsync(Group, cut.Point.Id, mustEndWithMark: true, Ct)}");
    }

    private async Task<CheckpointResult> CutAsync()
    {
        var cut = await A.Site.AskAsync<CheckpointResult>(["point", "create", Group, "--quiesce"], Ct);
        Assert.True(cut.Point.Consistency == Consistency.Application, cut.Point.Note);
        return cut;
    }

    private async Task ProveNewestAsync(string when)
    {
        var newest = (await Pair.PointsAsync(Group, Ct)).MaxBy(p => p.Sequence)!;
        Say($"{when}: {await Pair.ProveAsync(Group, newest.Id, mustEndWithMark: false, Ct)}");
    }

    private async Task SayGroupAsync()
    {
        var group = await A.Site.AskAsync<GroupInfo>(["group", "get", Group], Ct);
        Say($"{group.State}: {group.Source?.Phase} {group.Source?.Reason} {group.Source?.Detail}; "
            + string.Join("; ", (group.Source?.Volumes ?? []).Select(v => $"{v}")));
    }

    private void Say(string line) => output.WriteLine(line);
}
