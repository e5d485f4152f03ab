// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Agent.Replicas;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing;
using Lifeboat.Tests.Replicas;

namespace Lifeboat.Tests.Agent;

/// <summary>A view's export says over NBD where it differs from other sequences of its replica.</summary>
public sealed class ChangedContextTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-changed-").FullName;
    private readonly ReplicaBench _bench = new(5);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_is_read_where_it_may_differ_makes_the_older_state_the_newer_one_and_back()
    {
        await using var replica = await _bench.StartedAsync();
        await _bench.CutAsync(replica);
        var old = replica.Points[^1].Sequence;
        for (var i = 0; i < 60; i++)
            await _bench.TakeAsync(replica, i % 7 == 0 ? _bench.Source.Zero() : _bench.Source.Write());
        await _bench.CutAsync(replica);
        var now = replica.Points[^1].Sequence;
        await CheckAsync(replica, old, now);
        await CheckAsync(replica, now, old);
    }

    [Fact]
    public async Task Another_replica_is_not_offered_and_what_was_folded_is_not_supported()
    {
        await using var replica = await _bench.StartedAsync();
        for (var i = 0; i < 40; i++) await _bench.CutAsync(replica);
        await _bench.FoldAsync(replica);
        var view = await replica.OpenViewAsync("v", null, false, Ct);
        Assert.True(replica.FoldedSequence > 1);
        var gone = ChangedContext.Name(replica.ReplicaId, 1);
        await using var server = Listen(view);
        await using var client = await ConnectAsync(gone, ChangedContext.Name(Guid.NewGuid(), view.Sequence), "other");
        Assert.Equal([gone], client.MetaContexts);
        var refused = await Assert.ThrowsAsync<NbdException>(() => client.BlockStatusAsync(gone, 0, 4096, Ct));
        Assert.Equal(NbdError.NotSupported, refused.Error);
    }

    [Theory]
    [InlineData("lifeboat:changed-since:0123456789abcdef0123456789abcdef:17", true)]
    [InlineData("lifeboat:changed-since:0123456789abcdef0123456789abcdef:-1", false)]
    [InlineData("lifeboat:changed-since:0123456789abcdef0123456789abcdef:99999999999999999999", false)]
    [InlineData("lifeboat:changed-since:0123:17", false)]
    [InlineData("lifeboat:changed-since:", false)]
    [InlineData("base:allocation", false)]
    public void Names_are_read_strictly(string name, bool valid) =>
        Assert.Equal(valid, ChangedContext.TryParse(name, out _, out _));

    private async Task CheckAsync(Replica replica, long from, long to)
    {
        var view = await replica.OpenViewAsync("v", to, false, Ct);
        await using var server = Listen(view);
        var context = ChangedContext.Name(replica.ReplicaId, from);
        await using var client = await ConnectAsync(context);
        var image = _bench.Source.ImageAt(from)[0];
        long at = 0, changed = 0;
        // In pieces, as of a disk that is too long to be asked about at once.
        for (long asked = 0; asked < image.Length; asked += 40960)
            foreach (var extent in await client.BlockStatusAsync(context, asked,
                Math.Min(40960, image.Length - asked), Ct))
            {
                Assert.InRange(extent.Flags, 0u, ChangedContext.Changed);
                if (extent.Flags == ChangedContext.Changed)
                {
                    await client.ReadAsync(at, image.AsMemory((int)at, (int)extent.Length), Ct);
                    changed += extent.Length;
                }
                at += extent.Length;
            }
        Assert.Equal(image.Length, at);
        Assert.InRange(changed, 1, image.Length);
        Assert.Equal(_bench.Source.ImageAt(to)[0], image);
        await replica.CloseViewAsync("v", Ct);
    }

    private NbdServer Listen(PointInTimeView view) => NbdServer.Listen(
        new UnixDomainSocketEndPoint(Socket), new NbdExports(new ViewExport(view, 0, "root", view.Sizes[0])),
        NbdServerOptions.Default);

    private Task<NbdClient> ConnectAsync(params string[] contexts) => NbdClient.ConnectAsync(
        new UnixDomainSocketEndPoint(Socket), new NbdClientOptions { Export = "root", MetaContexts = contexts }, Ct);

    private string Socket => Path.Combine(_folder, "v.sock");
}
