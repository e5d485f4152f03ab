// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Storage.Care;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Merging;
using Lifeboat.Protection.Policies;
using Lifeboat.Recovery.Runs;
using Lifeboat.Tests.Recovery;

namespace Lifeboat.Tests.Controller;

/// <summary>What every store needs of a database; each engine inherits it.</summary>
public abstract partial class DatabaseConformance : IDisposable
{
    private protected static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-db").FullName;

    private protected SitePaths Paths => new(_directory);
    private GroupFiles Files => new(Paths);

    /// <summary>Another empty database.</summary>
    private protected abstract Task<Func<bool, ControllerDatabase>> EmptyAsync();

    private protected async Task<ControllerDatabase> OpenAsync() => (await EmptyAsync())(true);

    [Fact]
    public async Task Groups_are_found_as_they_were_saved_and_listed_by_the_bytes_of_their_names()
    {
        using var database = await OpenAsync();
        var groups = new GroupStore(database, Files);
        foreach (var name in new[] { "shop", "b2", "b-2", "aa" }) groups.Save(Record(name, 1));
        groups.Save(Record("shop", 2) with { Removed = true });
        Assert.Equal(["aa", "b-2", "b2", "shop"], groups.All().Select(r => r.Definition.Name));
        Assert.True(groups.Find("shop") is { Removed: true, Definition.Version: 2 });
        // One that nobody has edited is read as one without edits.
        var saved = Record("aa", 1);
        saved = saved with { Definition = saved.Definition with { Edits = MergedFields.None } };
        Assert.Equal(StoredJson.Write(saved), StoredJson.Write(groups.Find("aa")));
        Assert.Null(groups.Find("none"));
        Assert.Equal(Now, groups.Since("aa", GroupState.Protected, ReasonCode.None, Now));
        Assert.Equal(Now, groups.Since("aa", GroupState.Protected, ReasonCode.None, Now.AddMinutes(1)));
        var later = Now.AddMinutes(2);
        Assert.Equal(later, groups.Since("aa", GroupState.Degraded, ReasonCode.LinkDown, later));
    }

    [Fact]
    public async Task What_one_controller_writes_another_one_sees_at_once()
    {
        using var database = await OpenAsync();
        var (one, other) = (new GroupStore(database, Files), new GroupStore(database, Files));
        var (mine, theirs) = (new SpecStore(database, Files), new SpecStore(database, Files));
        Assert.Null(other.Find("shop"));
        Assert.Null(theirs.Replica("shop"));
        one.Save(Record("shop", 1));
        mine.SaveReplica(Replica("shop"));
        mine.SaveReplica(Replica("till"));
        Assert.Equal(1, other.Find("shop")!.Definition.Version);
        Assert.Equal(["shop", "till"], theirs.Replicas().Select(r => r.Spec.Group));
        var before = other.Now();
        one.Save(Record("shop", 2));
        other.Save(Record("till", 1));
        mine.RemoveReplica("shop");
        Assert.Equal(2, other.Find("shop")!.Definition.Version);
        Assert.Equal(["shop", "till"], one.Names());
        Assert.Equal(["till"], theirs.Replicas().Select(r => r.Spec.Group));
        // What was given before is what was so then.
        Assert.Equal(1, Assert.Single(before).Value.Definition.Version);
        // Nothing new: the very same rows.
        Assert.Same(other.Find("shop"), other.Find("shop"));
    }

    [Fact]
    public async Task Specs_are_kept_by_group_and_role()
    {
        using var database = await OpenAsync();
        var specs = new SpecStore(database, Files);
        specs.SaveReplica(Replica("shop"));
        specs.SaveReplica(Replica("shop") with { Active = false });
        specs.SaveLink("b", LinkSettings.Default with { Cap = "200Mbit" });
        Assert.True(Assert.Single(specs.Replicas()) is { Active: false, Accepted.Value: 3 });
        Assert.Null(specs.Source("shop"));
        Assert.Equal("200Mbit", specs.Link("b").Cap);
        Assert.Equal(LinkSettings.Default, specs.Link("c"));
        specs.RemoveReplica("shop");
        Assert.Empty(specs.Replicas());
    }

    [Fact]
    public async Task Peers_and_divergences_are_kept_once_each()
    {
        using var database = await OpenAsync();
        var peers = new PeerStore(database);
        peers.Save(new StoredPeer("b", "https://127.0.0.1:1", "127.0.0.1:2", "f1", Now));
        peers.Save(new StoredPeer("b", "https://127.0.0.1:3", "127.0.0.1:2", "f2", Now.AddDays(1)));
        Assert.Equal(new StoredPeer("b", "https://127.0.0.1:3", "127.0.0.1:2", "f2", Now.AddDays(1)),
            Assert.Single(peers.All()));
        var divergences = new DivergenceStore(database);
        var notice = new DivergenceNotice("shop", new Epoch(2), "a", Now, "it ran on");
        divergences.Save(notice);
        divergences.Save(notice with { Evidence = "a disk was written" });
        Assert.Equal("a disk was written", Assert.Single(divergences.All()).Evidence);
    }

    [Fact]
    public async Task A_token_is_good_once_until_it_expires_and_burnt_after_five_tries()
    {
        using var database = await OpenAsync();
        var tokens = new TokenStore(database, SealedStores.Key);
        tokens.Add("t1", "h1", Now.AddMinutes(1));
        tokens.Add("t2", "h2", Now.AddMinutes(1));
        Assert.Null(tokens.Try("t1", Now.AddMinutes(1)));
        for (var i = 0; i < 5; i++) Assert.Equal("h1", tokens.Try("t1", Now));
        Assert.Null(tokens.Try("t1", Now));
        Assert.Equal("h2", tokens.Try("t2", Now));
        Assert.True(tokens.Use("t2"));
        Assert.False(tokens.Use("t2"));
        Assert.Null(tokens.Try("t2", Now));
    }

    [Fact]
    public async Task Audit_events_are_numbered_and_the_newest_come_first()
    {
        using var database = await OpenAsync();
        var audit = SealedStores.Audit(database);
        for (var i = 0; i < 3; i++)
            audit.Add(Now.AddSeconds(i), "local", "POST", $"/v1/{i}", "ok", i == 0 ? "d" : null);
        var newest = audit.Newest(2);
        Assert.Equal(["/v1/2", "/v1/1"], newest.Select(e => e.Subject));
        Assert.Equal([3, 2], newest.Select(e => e.Number));
        Assert.Equal("d", audit.Newest(3)[2].Detail);
    }

    [Fact]
    public async Task A_write_of_a_term_that_is_over_is_refused_and_changes_nothing()
    {
        using var database = await OpenAsync();
        var runs = new RunStore(database, TimeProvider.System);
        var run = RunStoreConformance.NewRun("shop", 1);
        await runs.TryAddAsync(run, default);
        using (var connection = database.Open())
            connection.Execute("INSERT INTO leases(name, holder, term, writes) VALUES('group/shop', 'me', 7, 0)");
        Assert.True(await SaveAsync("me", 7, run with { PeerRequests = 1 }));
        Assert.False(await SaveAsync("me", 6, run with { PeerRequests = 2 }));
        Assert.False(await SaveAsync("you", 7, run with { PeerRequests = 3 }));
        Assert.Equal(1, (await runs.FindAsync(run.Id, default))!.PeerRequests);

        Task<bool> SaveAsync(string holder, long term, Run next) =>
            runs.SaveAsync(next, new Tenure("group/shop", holder, term, () => true), default);
    }

    [Fact]
    public async Task The_clock_of_the_database_is_in_Unix_milliseconds()
    {
        using var database = await OpenAsync();
        using var connection = database.Open();
        var told = connection.ExecuteScalar<long>($"SELECT {database.Now}");
        var here = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.InRange(told, here - 5_000, here + 5_000);
    }

    [Fact]
    public async Task A_schema_of_an_earlier_version_is_brought_forward_with_what_is_in_it()
    {
        var open = await EmptyAsync();
        using (var database = open(false))
        using (var connection = database.Open())
        using (var change = database.BeginSchemaChange(connection))
        {
            connection.Execute(database.TextOf(Schema.Steps[0]), transaction: change);
            connection.Execute("INSERT INTO tokens VALUES('t', 'h', 1, 0, 0)", transaction: change);
            database.SetSchemaVersion(connection, change, 1);
            change.Commit();
        }
        using var now = open(true);
        using var look = now.Open();
        Assert.Equal(Schema.Steps.Count, now.SchemaVersion(look, null));
        Assert.Equal("h", look.QuerySingle<string>("SELECT secret_hash FROM tokens"));
        Assert.Empty(DatabaseCheck.Run(now).Faults);
    }

    [Fact]
    public async Task Controllers_that_start_together_make_the_schema_once()
    {
        var open = await EmptyAsync();
        var all = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => open(true))));
        using (var connection = all[0].Open())
            Assert.Equal(Schema.Steps.Count, all[0].SchemaVersion(connection, null));
        foreach (var one in all) one.Dispose();
    }

    [Fact]
    public async Task A_database_of_a_newer_version_is_not_touched()
    {
        var open = await EmptyAsync();
        using (var database = open(true)) SetVersion(database, 99);
        var refused = Assert.Throws<ProblemException>(() => open(true));
        Assert.Equal(ReasonCode.Conflict, refused.Reason);
        Assert.Contains("99", refused.Message, StringComparison.Ordinal);
        using var looked = open(false);
        Assert.Contains(DatabaseCheck.Run(looked).Faults, f => f.Contains("newer", StringComparison.Ordinal));
        using var file = new MemoryStream();
        Assert.Throws<ProblemException>(() => BackupWriter.Write(looked, file, "a", Now));
    }

    public void Dispose()
    {
        Directory.Delete(_directory, recursive: true);
        GC.SuppressFinalize(this);
    }

    private protected static void SetVersion(ControllerDatabase database, long version)
    {
        using var connection = database.Open();
        using DbTransaction change = database.BeginSchemaChange(connection);
        database.SetSchemaVersion(connection, change, version);
        change.Commit();
    }

    internal static GroupRecord Record(string name, long version) =>
        new(RecoveryWorld.Definition with { Name = name, Version = version }, Removed: false);

    internal static SpecStore.StoredReplica Replica(string group) => new(new ReplicaSpec
    {
        Group = group,
        PrimarySite = "a",
        Epoch = new Epoch(3),
        Volumes = [new ReplicaVolume(0, "db1.vda", 4096)],
        Retention = Policy.Default.Retention,
    }, new Epoch(3), Active: true);
}

public sealed class SqliteConformance : DatabaseConformance
{
    private int _files;

    private protected override Task<Func<bool, ControllerDatabase>> EmptyAsync()
    {
        var path = Path.Combine(Paths.Root, $"{_files++}.db");
        return Task.FromResult<Func<bool, ControllerDatabase>>(migrate => new SqliteDatabase(path, migrate));
    }
}

public sealed class PostgresConformance(PostgresFixture postgres) : DatabaseConformance
{
    private string _name = "";

    private protected override async Task<Func<bool, ControllerDatabase>> EmptyAsync()
    {
        var settings = PostgresSettings.Read(await postgres.EmptyAsync(), null);
        _name = settings.Database!;
        return migrate => new PostgresDatabase(settings, TimeProvider.System, migrate);
    }

    [Fact]
    public async Task Connections_that_the_server_ended_are_replaced_unnoticed()
    {
        using var database = await OpenAsync();
        var peers = new PeerStore(database);
        peers.Save(new StoredPeer("b", "https://127.0.0.1:1", "127.0.0.1:2", "f1", Now));
        await postgres.CutOffAsync(_name);
        await Task.Delay(TimeSpan.FromMilliseconds(250), TestContext.Current.CancellationToken);
        Assert.Single(peers.All());
    }
}
