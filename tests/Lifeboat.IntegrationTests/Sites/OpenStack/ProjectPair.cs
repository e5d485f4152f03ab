// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>A server with two volumes of Ceph: the root that it starts from, and one for its records.</summary>
internal sealed record VolumeServer(string Id, CinderVolume Root, CinderVolume Fast);

/// <summary>
/// A project of the same name in both clouds of the testbed, each with a real site of ours, paired; servers and volumes
/// of the first. All of it goes at the end.
/// </summary>
internal sealed class ProjectPair : IAsyncDisposable
{
    private VolumeProject? _a, _b;
    private TestServer? _servers;

    private ProjectPair(string name) => Name = name;

    public string Name { get; }
    public VolumeProject A => _a!;
    public VolumeProject B => _b!;
    public TestServer Servers => _servers!;
    /// <summary>A directory for what a test takes out of the clouds.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("lb-pair-").FullName;

    /// <summary>Skips with the reason where the clouds are not up.</summary>
    /// <param name="prefix">What the projects' name begins with.</param>
    public static async Task<ProjectPair> MakeAsync(string prefix, CancellationToken ct)
    {
        var pair = new ProjectPair($"{prefix}-{Guid.NewGuid().ToString("n")[..6]}");
        try
        {
            pair._a = await VolumeProject.MakeAsync("a", pair.Name, ct);
            pair._b = await VolumeProject.MakeAsync("b", pair.Name, ct);
            pair._servers = new TestServer(pair.A.Cloud, pair.Name) { KeepsVolumes = true };
            await pair.A.Site.PairWithAsync(pair.B.Site, ct);
            return pair;
        }
        catch
        {
            await pair.DisposeAsync();
            throw;
        }
    }

    /// <summary>The oracle's server in the first cloud, from a volume; returns when its guest agent answers.</summary>
    public async Task<VolumeServer> BuildVolumeServerAsync(CancellationToken ct)
    {
        var project = await A.Cloud.InventoryAsync(ct);
        var root = await Servers.VolumeAsync("root", 1, "rbd", project.Images.First(i => i.Name == "oracle").Id, ct);
        var fast = await Servers.VolumeAsync("fast", 1, "rbd", null, ct);
        var flavor = project.Flavors.First(f => f.Name == "oracle.volume").Id;
        var server = await Servers.BuildAsync("db", flavor, [root, fast], null, null, ct, tagged: false);
        await A.UntilGuestAnswersAsync(ct);
        return new VolumeServer(server.Id, root, fast);
    }

    /// <summary>The points of a group as the second site has them.</summary>
    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(string group, CancellationToken ct) =>
        B.Site.AskAsync<IReadOnlyList<RecoveryPoint>>(["point", "list", group], ct);

    /// <summary>Takes a point out of the second site into the directory, instead of what is there.</summary>
    public async Task ExportAsync(string group, Guid point, CancellationToken ct)
    {
        foreach (var file in Directory.GetFiles(Folder)) File.Delete(file);
        await B.Site.MustAsync(["point", "export", group, "--point", $"{point}", "--to", Folder], ct);
    }

    /// <summary>Takes a point out and lets the oracle judge it; returns what it said.</summary>
    public async Task<string> ProveAsync(string group, Guid point, bool mustEndWithMark, CancellationToken ct)
    {
        await ExportAsync(group, point, ct);
        var proof = await OracleChecker.CheckAsync(await PartitionedDisk.OracleImagesAsync(Folder, ct),
            new OracleExpectation { MustEndWithMark = mustEndWithMark, WorkDirectory = Folder }, ct);
        var said = string.Join("; ", proof.Lines());
        Assert.True(proof.Holds, said);
        return said;
    }

    public async ValueTask DisposeAsync()
    {
        if (_servers is not null) await _servers.DisposeAsync();
        if (_b is not null) await _b.DisposeAsync();
        if (_a is not null) await _a.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
