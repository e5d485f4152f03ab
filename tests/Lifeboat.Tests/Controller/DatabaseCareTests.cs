// SPDX-License-Identifier: Apache-2.0
using System.IO.Compression;
using System.Text;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Controller;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Storage.Care;
using Lifeboat.Protection;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Tests.Controller;

/// <summary>Check, backup and restore, within an engine and from one to the other.</summary>
public sealed class DatabaseCareTests(PostgresFixture postgres) : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-care").FullName;
    private int _files;

    [Theory]
    [InlineData("SQLite", "SQLite")]
    [InlineData("SQLite", "PostgreSQL")]
    [InlineData("PostgreSQL", "SQLite")]
    [InlineData("PostgreSQL", "PostgreSQL")]
    public async Task A_backup_restores_into_either_engine(string from, string to)
    {
        using var source = await OpenAsync(from);
        await FillAsync(source);
        var backup = Backup(source);
        using var target = await OpenAsync(to);
        Assert.True(new BackupReader(target, "a").Restore(new MemoryStream(backup), replace: false) > 5);
        Assert.Equal(Rows(backup), Rows(Backup(target)));
        Assert.Empty(DatabaseCheck.Run(target).Faults);
        // Numbers go on where they were.
        SealedStores.Audit(target).Add(Now, "local", "POST", "/v1/after", "ok", null);
        Assert.Equal(3, SealedStores.Audit(target).Newest(1)[0].Number);
        Assert.Null(SealedStores.Audit(target).Verify(null).Broken);
    }

    [Theory]
    [InlineData("SQLite")]
    [InlineData("PostgreSQL")]
    public async Task A_restore_replaces_only_when_told_and_is_all_or_nothing(string engine)
    {
        using var source = await OpenAsync("SQLite");
        await FillAsync(source);
        var backup = Backup(source);
        using var target = await OpenAsync(engine);
        new PeerStore(target).Save(new StoredPeer("z", "https://127.0.0.1:9", "127.0.0.1:9", "f", Now));
        var before = Rows(Backup(target)).ToList();
        Refuse(ReasonCode.Conflict, backup, replace: false);
        var cut = Zip(string.Join('\n', Lines(backup).SkipLast(1)) + "\n");
        Refuse(ReasonCode.InvalidRequest, cut, replace: true);
        Refuse(ReasonCode.InvalidRequest, Zip(Unzip(backup).Replace("127.0.0.1:1", "127.0.0.1:7")), replace: true);
        Refuse(ReasonCode.InvalidRequest, Zip(Unzip(backup).Replace("\"site\":\"a\"", "\"site\":\"c\"")),
            replace: true);
        Refuse(ReasonCode.InvalidRequest, Encoding.UTF8.GetBytes("not gzip"), replace: true);
        Refuse(ReasonCode.InvalidRequest, backup[..(backup.Length / 2)], replace: true);
        Refuse(ReasonCode.Conflict, Zip(Unzip(backup).Replace($"\"schema\":{Schema.Steps.Count}", "\"schema\":99")),
            replace: true);
        new BackupReader(target, "a").Restore(new MemoryStream(backup), replace: true);
        Assert.Equal("b", Assert.Single(new PeerStore(target).All()).Name);

        void Refuse(ReasonCode reason, byte[] file, bool replace)
        {
            var refused = Assert.Throws<ProblemException>(
                () => new BackupReader(target, "a").Restore(new MemoryStream(file), replace));
            Assert.Equal(reason, refused.Reason);
            Assert.Equal(before, Rows(Backup(target)));
        }
    }

    [Theory]
    [InlineData("SQLite")]
    [InlineData("PostgreSQL")]
    public async Task A_check_lists_every_fault(string engine)
    {
        using var database = await OpenAsync(engine);
        await FillAsync(database);
        Assert.Empty(DatabaseCheck.Run(database).Faults);
        using (var connection = database.Open())
            connection.Execute("""
                UPDATE groups SET definition = '{"name": ' WHERE name = 'shop';
                INSERT INTO divergences(name, body) VALUES('gone',
                    '{"group":"gone","began":1,"site":"a","foundAt":"2026-01-01T00:00:00Z","evidence":"e"}');
                UPDATE runs SET finished = 1;
                UPDATE peers SET url = 'no url';
                INSERT INTO run_signals(run, signal) VALUES('r0', 1);
                """);
        var faults = DatabaseCheck.Run(database).Faults;
        Assert.Equal(6, faults.Count);
        foreach (var part in new[]
            { "groups shop: its document cannot be read", "divergences gone: there is no group", "finished 1", "no url",
                "no run r0", "specs shop: there is no group shop" })
            Assert.Contains(faults, f => f.Contains(part, StringComparison.Ordinal));
        using (var connection = database.Open()) connection.Execute("ALTER TABLE tokens DROP COLUMN used");
        Assert.Equal(["table tokens has no column used"], DatabaseCheck.Run(database).Faults);
    }

    [Fact]
    public async Task Two_sites_do_not_share_a_database()
    {
        var url = await postgres.EmptyAsync();
        using (SiteDatabase.Open(new SitePaths(_directory), Site("a", url), TimeProvider.System)) { }
        using (SiteDatabase.Open(new SitePaths(_directory), Site("a", url), TimeProvider.System)) { }
        var refused = Assert.Throws<ProblemException>(
            () => SiteDatabase.Open(new SitePaths(_directory), Site("b", url), TimeProvider.System));
        Assert.Equal(ReasonCode.Conflict, refused.Reason);
    }

    [Fact]
    public void All_that_is_wrong_with_the_setting_is_said_at_once()
    {
        var password = Path.Combine(_directory, "password");
        File.WriteAllText(password, "secret\n");
        File.SetUnixFileMode(password, UnixFileMode.UserRead | UnixFileMode.OtherRead | UnixFileMode.UserWrite);
        var refused = Assert.Throws<ProblemException>(
            () => PostgresSettings.Read("postgresql://me:told@/?nonsense=1", password));
        Assert.Equal(5, refused.Errors!.Count);
        Assert.Throws<ProblemException>(() => PostgresSettings.Read("Host=h;Database=d;Username=u;Password=p", null));
        Assert.Throws<ProblemException>(() => PostgresSettings.Read("no keywords", null));
        File.SetUnixFileMode(password, UnixFileMode.UserRead);
        var read = PostgresSettings.Read("postgresql://me@db.example:5433/lifeboat?sslmode=verify-full&search_path=x",
            password);
        Assert.Equal(("me", "db.example", 5433, "lifeboat", "x", "secret"),
            (read.Username, read.Host, read.Port, read.Database, read.SearchPath, read.Password));
        Assert.Equal("VerifyFull", read.SslMode.ToString());
        Assert.Equal("/run/pg", PostgresSettings.Read("postgresql://me@/db?host=%2Frun%2Fpg", null).Host);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static SiteConfiguration Site(string name, string url) => new() { Name = name, Database = url };

    private async Task<ControllerDatabase> OpenAsync(string engine) => engine == "SQLite"
        ? new SqliteDatabase(Path.Combine(_directory, $"{_files++}.db"))
        : new PostgresDatabase(PostgresSettings.Read(await postgres.EmptyAsync(), null), TimeProvider.System);

    private async Task FillAsync(ControllerDatabase database)
    {
        var files = new GroupFiles(new SitePaths(_directory));
        new GroupStore(database, files).Save(DatabaseConformance.Record("shop", 1));
        new SpecStore(database, files).SaveReplica(DatabaseConformance.Replica("shop"));
        new PeerStore(database).Save(new StoredPeer("b", "https://127.0.0.1:1", "127.0.0.1:2", "f", Now));
        new TokenStore(database, SealedStores.Key).Add("t", "hash", Now);
        var audit = SealedStores.Audit(database);
        audit.Add(Now, "local", "POST", "/v1/x", "ok", null);
        audit.Add(Now, "löcal", "POST", "/v1/y", "ok", "line\nline");
        await new RunStore(database, TimeProvider.System).TryAddAsync(RunStoreConformance.NewRun("shop", 1), default);
        using var connection = database.Open();
        connection.Execute("INSERT INTO leases(name, holder, term, writes) VALUES('group/shop', 'me', 7, 0)");
    }

    private static byte[] Backup(ControllerDatabase database)
    {
        using var file = new MemoryStream();
        BackupWriter.Write(database, file, "a", Now);
        return file.ToArray();
    }

    // Without header and end: they tell the engine, and the checksum of that.
    private static IEnumerable<string> Rows(byte[] backup) =>
        Lines(backup).Skip(1).SkipLast(1).Order(StringComparer.Ordinal);

    private static string[] Lines(byte[] backup) => Unzip(backup).TrimEnd('\n').Split('\n');

    private static string Unzip(byte[] backup)
    {
        using var text = new StreamReader(new GZipStream(new MemoryStream(backup), CompressionMode.Decompress));
        return text.ReadToEnd();
    }

    private static byte[] Zip(string text)
    {
        using var file = new MemoryStream();
        using (var gzip = new GZipStream(file, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return file.ToArray();
    }
}
