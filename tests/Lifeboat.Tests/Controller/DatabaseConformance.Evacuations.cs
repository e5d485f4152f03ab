// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Storage.Care;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;

namespace Lifeboat.Tests.Controller;

public abstract partial class DatabaseConformance
{
    [Fact]
    public async Task A_group_is_in_one_evacuation_under_way_and_one_of_many_writers_is_heard()
    {
        using var database = await OpenAsync();
        var store = new EvacuationStore(database);
        var first = Evacuation("acme", 1, "acme_shop", "acme_till") with { IdempotencyKey = "k1" };
        Assert.Null(await store.TryAddAsync(first, Ct));
        Assert.Equal(StoredJson.Write(first), StoredJson.Write(await store.FindAsync(first.Id, Ct)));
        Assert.Equal(first.Id, (await store.FindByKeyAsync("k1", Ct))?.Id);
        // Said again, and another one with one of its groups: neither is kept, with nothing of it.
        Assert.Equal(first.Id, (await store.TryAddAsync(
            Evacuation("acme", 2, "other") with { IdempotencyKey = "k1" }, Ct))?.Id);
        Assert.Equal(first.Id, (await store.TryAddAsync(Evacuation(null, 3, "free", "acme_till"), Ct))?.Id);
        var second = Evacuation(null, 4, "free", "other");
        Assert.Null(await store.TryAddAsync(second, Ct));

        var next = first with { State = EvacuationState.Paused, Revision = 1 };
        var written = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(
            () => store.TrySaveAsync(next, Ct))));
        Assert.Single(written, w => w);
        Assert.False(await store.TrySaveAsync(next with { State = EvacuationState.Running }, Ct));
        Assert.Equal(EvacuationState.Paused, (await store.FindAsync(first.Id, Ct))!.State);

        Assert.True(await store.TrySaveAsync(Ended(next), Ct));
        Assert.Equal([second.Id], (await store.UnfinishedAsync(Ct)).Select(e => e.Id));
        Assert.Equal([second.Id], (await store.SinceAsync(Now.AddHours(2), Ct)).Select(e => e.Id));
        Assert.Equal(2, (await store.SinceAsync(Now.AddHours(1), Ct)).Count);
        // Its groups are free again.
        var third = Evacuation(null, 5, "acme_shop", "acme_till");
        Assert.Null(await store.TryAddAsync(third, Ct));
        Assert.Equal([third.Id, second.Id, first.Id], (await store.ListAsync(null, Ct)).Select(e => e.Id));
        // Of a tenant only what is about it alone.
        Assert.Equal([first.Id], (await store.ListAsync("acme", Ct)).Select(e => e.Id));
        Assert.Empty(DatabaseCheck.Run(database).Faults);
    }

    [Fact]
    public async Task Of_many_that_want_the_same_groups_at_one_moment_one_gets_them()
    {
        using var database = await OpenAsync();
        var store = new EvacuationStore(database);
        var others = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => store.TryAddAsync(
            i % 2 == 0 ? Evacuation(null, i, "shop", "till", "crm") : Evacuation(null, i, "crm", "till", "shop"),
            Ct))));
        var kept = Assert.Single(await store.UnfinishedAsync(Ct));
        Assert.Equal(7, others.Count(o => o?.Id == kept.Id));
    }

    [Fact]
    public async Task Old_evacuations_go_but_for_those_under_way()
    {
        using var database = await OpenAsync();
        var store = new EvacuationStore(database);
        var (old, underWay) = (Evacuation(null, 1, "shop"), Evacuation(null, 2, "till"));
        await store.TryAddAsync(old, Ct);
        await store.TryAddAsync(underWay, Ct);
        await store.TrySaveAsync(Ended(old with { Revision = 0 }), Ct);
        Assert.Equal(0, store.Prune(Now, 10));
        Assert.Equal(1, store.Prune(Now.AddDays(1), 10));
        Assert.Equal([underWay.Id], (await store.ListAsync(null, Ct)).Select(e => e.Id));
    }

    private static Evacuation Ended(Evacuation evacuation) => evacuation with
    {
        State = EvacuationState.Succeeded,
        FinishedAt = Now.AddHours(1),
        Revision = evacuation.Revision + 1,
    };

    private static Evacuation Evacuation(string? tenant, int order, params string[] groups) => new()
    {
        Id = Guid.NewGuid(),
        Site = "b",
        From = "a",
        Tenant = tenant,
        State = EvacuationState.Running,
        Options = new EvacuationOptions(4, true, false, false, ["tcp:22"]),
        RequestedBy = "anna",
        CreatedAt = Now.AddSeconds(order),
        Wave = 1,
        Groups = [.. groups.Select(g => new Evacuee(g, 1) { Predicted = TimeSpan.FromSeconds(3) })],
    };
}
