// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Controller;

/// <summary>Users, tokens, tenants and the audit log on each engine.</summary>
public abstract class AccessStoreConformance : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly SitePaths _paths = new(Directory.CreateTempSubdirectory("lb-access").FullName);

    protected AccessStoreConformance() => Directory.CreateDirectory(Path.Combine(_paths.Root, "ca"));

    protected string Folder => _paths.Root;

    private protected abstract Task<ControllerDatabase> OpenAsync();

    [Fact]
    public async Task Users_are_a_tenants_or_the_sites_and_their_passwords_are_sealed()
    {
        using var database = await OpenAsync();
        var store = new UserStore(database, SiteKey.Open(_paths));
        var user = new StoredUser("acme", "anna", [Role.Member], [Right.Audit], [Right.Drill], Now);
        Assert.True(store.TryAdd(user, "hash"));
        Assert.False(store.TryAdd(user, null));
        Assert.True(store.TryAdd(user with { Tenant = "" }, null));
        Assert.Equal("hash", store.PasswordHash(store.Find("acme", "anna")!));
        Assert.False(store.HasPassword(store.Find("", "anna")!));
        Assert.Equal([(("", "anna"), false), (("acme", "anna"), true)],
            store.All(null).Select(u => ((u.User.Tenant, u.User.Name), u.HasPassword)));
        Assert.Single(store.All("acme"));
        store.Change(user, now => now with { Taken = [] }, () => new InvalidOperationException());
        Assert.Equal([Right.View, Right.Change, Right.Drill, Right.Audit], store.Find("acme", "anna")!.Rights);
        store.SavePassword(user, null);
        Assert.Null(store.PasswordHash(user));
        Assert.True(store.Remove("acme", "anna"));
        Assert.Null(store.Find("acme", "anna"));
    }

    [Fact]
    public async Task Tokens_tenants_and_secrets_are_read_back_as_they_were_kept()
    {
        using var database = await OpenAsync();
        var tokens = new ApiTokenStore(database);
        tokens.Add(new StoredToken("1", "", "anna", "h", null, [Right.View], Now, "root", Now.AddHours(1)));
        tokens.Add(new StoredToken("2", "acme", "anna", "h", "ci", null, Now, "root", Now.AddHours(1)));
        tokens.Used("2", Now.AddMinutes(1), "10.0.0.1");
        tokens.Revoke("1", Now.AddMinutes(2));
        Assert.Equal((Right.View, Now.AddMinutes(2)), (tokens.Find("1")!.Rights![0], tokens.Find("1")!.RevokedAt));
        Assert.Equal(("ci", "10.0.0.1"), (tokens.Find("2")!.Label, tokens.Find("2")!.LastUsedFrom));
        Assert.Equal("2", Assert.Single(tokens.All("acme", null)).Id);
        Assert.Equal(2, tokens.All(null, "anna").Count);

        var tenants = new TenantStore(database);
        Assert.True(tenants.TryAdd(new StoredTenant("acme", "x", new TenantLimits { GroupsMax = 3 }, Now)));
        Assert.False(tenants.TryAdd(new StoredTenant("acme", "y", TenantLimits.None, Now)));
        tenants.Change("default", now => now with { Description = "d" });
        Assert.Equal(["acme", "default"], tenants.All().Select(t => t.Name));
        Assert.Equal(3, tenants.Find("acme")!.Limits.GroupsMax);
        var instances = new InstanceTenants(database);
        instances.Give("db1", "acme");
        instances.Give("db1", "beta");
        Assert.Equal("beta", instances.TenantOf("db1"));
        instances.Give("db1", null);
        Assert.Empty(instances.All());
        var secrets = new SecretStore(database, SiteKey.Open(_paths));
        secrets.Save("smtp", "a"u8);
        secrets.Save("smtp", "b"u8);
        Assert.Equal("b"u8, secrets.Find("smtp")!);
    }

    [Fact]
    public async Task Changes_at_the_same_time_do_not_undo_each_other()
    {
        using var database = await OpenAsync();
        var (key, none) = (SiteKey.Open(_paths), new InvalidOperationException("gone"));
        var user = new StoredUser("acme", "anna", [], [], [], Now);
        new UserStore(database, key).TryAdd(user, "hash");
        // Each reads, waits for all others to have read, and only then says what is to be.
        using var read = new Barrier(RoleRights.All.Count);
        await Task.WhenAll(RoleRights.All.Select((right, i) => Task.Factory.StartNew(() =>
        {
            var first = true;
            new UserStore(database, key).Change(user, now =>
            {
                if (first) read.SignalAndWait(TestContext.Current.CancellationToken);
                first = false;
                return now with { Granted = [.. now.Granted, right] };
            }, () => none);
            new TenantStore(database).Change("default", now => now with { Description = $"{now.Description}{i}" });
        }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        var store = new UserStore(database, key);
        Assert.Equal(RoleRights.All.Order(), store.Find("acme", "anna")!.Granted.Order());
        Assert.Equal(RoleRights.All.Count, new TenantStore(database).Find("default")!.Description!.Length);
        Assert.True(store.HasPassword(user));
        store.Remove("acme", "anna");
        Assert.Same(none, Assert.Throws<InvalidOperationException>(() => store.Change(user, now => now, () => none)));
    }

    [Fact]
    public async Task Rows_of_several_controllers_are_one_chain_that_says_where_it_was_changed()
    {
        using var database = await OpenAsync();
        SiteKey.Open(_paths);
        AuditLog Log() => new(database, new SecretStore(database, SiteKey.Open(_paths)), NullLogger<AuditLog>.Instance,
            kept: 40);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(w => Task.Run(() =>
        {
            for (var i = 0; i < 12; i++)
                Log().Add(new AuditEntry(Now, $"writer{w}", "POST", "/v1/groups", "ok") { Tenant = "acme" });
        }, TestContext.Current.CancellationToken)));
        var verdict = Log().Verify(null);
        Assert.Equal((null, 9L, 40L), (verdict.Broken, verdict.First, verdict.Rows));
        Assert.Equal(48, Log().List(null, "acme", 1)[0].Number);
        using (var connection = database.Open())
            connection.Execute("UPDATE audit SET actor = 'mallory' WHERE number = 20");
        Assert.Equal(20, Log().Verify(null).Broken);
    }

    public void Dispose()
    {
        Directory.Delete(_paths.Root, recursive: true);
        GC.SuppressFinalize(this);
    }
}

public sealed class SqliteAccessStoreConformance : AccessStoreConformance
{
    private protected override Task<ControllerDatabase> OpenAsync() =>
        Task.FromResult<ControllerDatabase>(new SqliteDatabase(Path.Combine(Folder, "controller.db")));
}

public sealed class PostgresAccessStoreConformance(PostgresFixture postgres) : AccessStoreConformance
{
    private protected override async Task<ControllerDatabase> OpenAsync() => new PostgresDatabase(
        PostgresSettings.Read(await postgres.EmptyAsync(), null), TimeProvider.System);
}
