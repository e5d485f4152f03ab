// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Controller;

/// <summary>A log that shows when somebody changed it who can write to the database.</summary>
public sealed class AuditLogTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-audit").FullName;
    private readonly ControllerDatabase _database;

    public AuditLogTests()
    {
        Directory.CreateDirectory(Path.Combine(_directory, "ca"));
        _database = new SqliteDatabase(new SitePaths(_directory).ControllerDatabase);
    }

    [Fact]
    public void What_is_untouched_verifies_and_is_read_back_whole()
    {
        var log = Open();
        log.Add(new AuditEntry(Now, "acme/anna", "PATCH", "/v1/groups/shop/policy", "ok")
        {
            Tenant = "acme", From = "10.0.0.7", Request = "r1", Before = "{\"a\":1}", After = "{\"a\":2}",
        });
        log.Add(Now, "site", "found-disk", "shop/db1.vdb", "volume-unprotected", "protect it");
        var verdict = Open().Verify(null);
        Assert.Equal((2L, 1L, null), (verdict.Rows, verdict.First, verdict.Broken));
        var newest = log.Newest(10);
        Assert.Equal([2L, 1L], newest.Select(e => e.Number));
        Assert.Equal(("10.0.0.7", "r1", 2), (newest[1].From, newest[1].Request,
            newest[1].After!.Value.GetProperty("a").GetInt32()));
        Assert.Equal(1, Assert.Single(log.List(null, "acme", 10)).Number);
        Assert.Equal(1, Assert.Single(log.List(2, null, 10)).Number);
    }

    [Theory]
    [InlineData("UPDATE audit SET actor = 'mallory' WHERE number = 40", 40)]
    [InlineData("UPDATE audit SET detail = '' WHERE number = 41", 41)]
    [InlineData("UPDATE audit SET before_body = after_body, after_body = before_body WHERE number = 42", 42)]
    [InlineData("UPDATE audit SET action = action || 'x', subject = 'y' WHERE number = 43", 43)]
    [InlineData("DELETE FROM audit WHERE number = 44", 44)]
    [InlineData("DELETE FROM audit WHERE number >= 58", 58)]
    [InlineData("DELETE FROM audit WHERE number >= 58; DELETE FROM audit_ends WHERE which = 'head'", 58)]
    [InlineData("DELETE FROM audit WHERE number <= 30", 11)]
    [InlineData("DELETE FROM audit WHERE number <= 30; UPDATE audit_ends SET number = 30, seal = "
        + "(SELECT seal FROM audit WHERE number = 31) WHERE which = 'anchor'", 31)]
    [InlineData("UPDATE audit SET seal = (SELECT seal FROM audit WHERE number = 20) WHERE number = 45", 45)]
    [InlineData("UPDATE audit_ends SET number = 57, seal = (SELECT seal FROM audit WHERE number = 57) "
        + "WHERE which = 'head'; DELETE FROM audit WHERE number > 57", 58)]
    [InlineData("DELETE FROM secrets", 11)]
    public void The_first_row_that_does_not_fit_is_named(string tampering, long first)
    {
        Fill(Open(), 60);
        Assert.Null(Open().Verify(null).Broken);
        using (var connection = _database.Open()) connection.Execute(tampering);
        var verdict = Open().Verify(null);
        Assert.True(verdict.Broken == first, $"{verdict.Broken}: {verdict.Problem}");
    }

    [Fact]
    public void Trimming_leaves_a_chain_that_verifies()
    {
        Fill(Open(), 500);
        var verdict = Open().Verify(null);
        Assert.Equal((null, 451L, 50L), (verdict.Broken, verdict.First, verdict.Rows));
        Assert.Equal(50, Open().Newest(1000).Count);
    }

    [Fact]
    public void A_head_that_was_noted_shows_that_an_older_copy_was_put_back()
    {
        Fill(Open(), 5);
        var copy = Path.Combine(_directory, "copy.db");
        using (var connection = _database.Open()) connection.Execute("VACUUM INTO @copy", new { copy });
        Fill(Open(), 3);
        var noted = Open().Verify(null).Head;
        Assert.Null(Open().Verify(noted).Broken);
        Fill(Open(), 1);
        Assert.Null(Open().Verify(noted).Broken);
        var back = new SqliteDatabase(copy);
        Fill(Open(back), 6, "mallory");
        Assert.Null(Open(back).Verify(null).Broken);
        Assert.Equal(8, Open(back).Verify(noted).Broken);
        Assert.Equal(ReasonCode.InvalidRequest, Assert.Throws<ProblemException>(() => Open().Verify("8")).Reason);
    }

    [Fact]
    public async Task Rows_of_several_writers_are_one_chain()
    {
        SiteKey.Open(new SitePaths(_directory));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(w => Task.Run(() => Fill(Open(), 12),
            TestContext.Current.CancellationToken)));
        var verdict = Open().Verify(null);
        Assert.Equal((null, 48L), (verdict.Broken, verdict.Rows));
    }

    [Fact]
    public void Rows_of_a_version_without_a_chain_are_taken_into_it()
    {
        using (var connection = _database.Open())
            connection.Execute("INSERT INTO events(at, actor, action, subject, outcome) "
                + "VALUES(1000, 'local', 'POST', '/v1/groups', 'ok'), (2000, 'b', 'PUT', '/peer/v1/trust', 'ok')");
        Assert.Equal(2, Open().Adopt());
        Assert.Equal(0, Open().Adopt());
        Assert.Equal(["b", "local"], Open().Newest(9).Select(e => e.Actor));
        Assert.Null(Open().Verify(null).Broken);
    }

    [Fact]
    public void A_site_that_lost_its_key_goes_on_and_says_that_what_was_does_not_verify()
    {
        Fill(Open(), 3);
        File.Delete(new SitePaths(_directory).SiteKey);
        Fill(Open(), 2);
        Assert.Equal(1, Open().Verify(null).Broken);
        Assert.Equal(5, Open().Newest(9).Count);
    }

    [Fact]
    public void A_secret_opens_with_the_sites_key_alone_and_for_its_purpose_alone()
    {
        var paths = new SitePaths(_directory);
        var key = SiteKey.Open(paths);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(paths.SiteKey));
        var store = new SecretStore(_database, key);
        store.Save("smtp", "hunter2"u8);
        Assert.Equal("hunter2"u8, new SecretStore(_database, SiteKey.Open(paths)).Find("smtp")!);
        Assert.Null(store.Find("other"));
        using (var connection = _database.Open())
        {
            var body = connection.ExecuteScalar<byte[]>("SELECT body FROM secrets WHERE name = 'smtp'")!;
            Assert.True(body.AsSpan().IndexOf("hunter2"u8) < 0);
            connection.Execute("UPDATE secrets SET name = 'other' WHERE name = 'smtp'");
        }
        Assert.Equal(ReasonCode.KeyUnavailable, Assert.Throws<ProblemException>(() => store.Find("other")).Reason);
        File.Delete(paths.SiteKey);
        store.Save("smtp", "hunter2"u8);
        var another = new SecretStore(_database, SiteKey.Open(paths));
        Assert.Equal(ReasonCode.KeyUnavailable, Assert.Throws<ProblemException>(() => another.Find("smtp")).Reason);
        File.WriteAllText(paths.SiteKey, "no key");
        Assert.Equal(ReasonCode.KeyUnavailable, Assert.Throws<ProblemException>(() => SiteKey.Open(paths)).Reason);
    }

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private AuditLog Open(ControllerDatabase? database = null) => new(database ?? _database,
        new SecretStore(database ?? _database, SiteKey.Open(new SitePaths(_directory))),
        NullLogger<AuditLog>.Instance, kept: 50);

    private static void Fill(AuditLog log, int count, string actor = "anna")
    {
        for (var i = 0; i < count; i++)
            log.Add(new AuditEntry(Now.AddSeconds(i), actor, "POST", $"/v1/groups/g{i}", "ok")
            {
                Detail = "d", Before = "{}", After = "[]",
            });
    }
}
