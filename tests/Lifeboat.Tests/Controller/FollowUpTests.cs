// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.FollowUps;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Tests.Controller;

public sealed class FollowUpTests : IDisposable
{
    private static readonly DateTimeOffset Monday = new(2026, 11, 30, 8, 0, 0, TimeSpan.Zero);
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-follow").FullName;
    private readonly ControllerDatabase _database;
    private readonly FollowUpStore _store;

    public FollowUpTests()
    {
        _database = new SqliteDatabase(Path.Combine(_directory, "controller.db"));
        _store = new FollowUpStore(_database, TimeProvider.System);
    }

    [Fact]
    public void One_stays_open_and_counts_until_somebody_closes_it_with_a_reason()
    {
        Note("shop", 0);
        Note("shop", 0);   // the same report, looked at again
        Note("shop", 5);
        Note("crm", 1);
        var open = _store.All(closed: false);
        Assert.Equal([("crm", 1L), ("shop", 2L)], open.Select(f => (f.Group, f.Count)).OrderBy(f => f.Group));
        var shop = open.Single(f => f.Group == "shop");
        Assert.Equal((Monday, Monday.AddMinutes(5), "the 5th"), (shop.OpenedAt, shop.LastAt, shop.Detail));

        foreach (var why in new[] { null, " ", new string('x', 501) })
            Assert.Equal(ReasonCode.InvalidRequest,
                Assert.Throws<ProblemException>(() => _store.Close(shop.Id, why)).Reason);
        Assert.Equal("hook mended", _store.Close(shop.Id, "hook mended").Closing);
        Assert.Equal("hook mended", _store.Close(shop.Id, "again").Closing);
        Assert.Equal("crm", Assert.Single(_store.All(closed: false)).Group);
        Assert.Equal(2, _store.All(closed: true).Count);
        Assert.Equal(Monday.AddMinutes(5), _store.LastOf("quiesce-failed")["shop"]);

        Note("shop", 9);
        Assert.Equal(1, _store.All(closed: false).Single(f => f.Group == "shop").Count);
        Assert.Equal(ReasonCode.FollowUpUnknown,
            Assert.Throws<ProblemException>(() => _store.Close(Guid.NewGuid(), "x")).Reason);
    }

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private void Note(string group, int minute) => _store.Note("quiesce-failed", group, Monday.AddMinutes(minute),
        ReasonCode.QuiesceFailed, $"the {minute}th", "look");
}
