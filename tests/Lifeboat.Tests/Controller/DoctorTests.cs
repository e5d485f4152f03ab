// SPDX-License-Identifier: Apache-2.0
using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Lifeboat.Cli.Doctor;
using Lifeboat.Contracts.Api;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>What is wrong is found, with the controller or without; what is secret does not leave the site.</summary>
public sealed class DoctorTests
{
    [Theory]
    [InlineData("Authorization: Bearer abcDEF.123-xyz", "Authorization: Bearer [redacted]")]
    [InlineData("token lifeboat-token-1.80d1106da1a9c555.PMYq9x6Y8q8MuUPc was made",
        "token lifeboat-token-1.80d1106da1a9c555.[redacted] was made")]
    [InlineData("pair with lifeboat-pair-1.eyJhIjoxfQ==", "pair with lifeboat-pair-1.[redacted]")]
    [InlineData("postgresql://lb:hunter2hunter2@db/lifeboat", "postgresql://lb:[redacted]@db/lifeboat")]
    [InlineData("https://example.org:7401/v1 is not one", "https://example.org:7401/v1 is not one")]
    [InlineData("Host=db;Username=lb;Password=hunter2;Port=1", "Host=db;Username=lb;Password=[redacted];Port=1")]
    [InlineData("{\"password\": \"a\\\"b\", \"passwordFile\": \"db.pw\"}",
        "{\"password\": \"[redacted]\", \"passwordFile\": \"db.pw\"}")]
    [InlineData("-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\nrest", "[redacted]\nrest")]
    [InlineData("the site's key c0ffee00c0ffee00 in a log", "the site's key [redacted] in a log")]
    [InlineData("short", "short")]
    public void What_is_secret_is_taken_out(string text, string expected) =>
        Assert.Equal(expected, new Redaction(["c0ffee00c0ffee00\n", "short"]).Apply(text));

    [Fact]
    public async Task A_site_is_looked_at_while_it_runs_and_when_it_does_not()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var examination = new SiteExamination(sites.A.Paths, TimeProvider.System);
        var controller = Assert.Single(await examination.LookAsync(Ct), f => f.What == "controller");
        Assert.Null(controller.Wrong);
        var told = examination.Of(await sites.A.Client.SiteAsync(Ct), await sites.A.Client.StatusAsync(Ct));
        Assert.Contains(told, f => f.What == "group shop");
        Assert.Contains(told, f => f.What == "site b" && f.Wrong is null);

        await sites.A.StopControllerAsync();
        File.SetUnixFileMode(sites.A.Paths.CaKey, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        var findings = await examination.LookAsync(Ct);
        Assert.NotNull(Assert.Single(findings, f => f.What == "controller").Wrong);
        Assert.Contains("chmod 600", Assert.Single(findings, f => f.What == "ca/ca.key").Advice,
            StringComparison.Ordinal);
        File.Delete(sites.A.Paths.SiteKey);
        File.WriteAllText(sites.A.Paths.Configuration, "{ not json");
        findings = await examination.LookAsync(Ct);
        Assert.Equal("is missing", Assert.Single(findings, f => f.What == "ca/site.key").Wrong);
        Assert.NotNull(Assert.Single(findings, f => f.What == "site.json").Wrong);
    }

    [Fact]
    public async Task A_bundle_has_what_helps_and_none_of_the_sites_keys()
    {
        await using var sites = await TwoSites.StartAsync();
        var paths = sites.A.Paths;
        var key = File.ReadAllText(paths.CaKey);
        Directory.CreateDirectory(paths.Logs);
        await File.WriteAllTextAsync(Path.Combine(paths.Logs, "controller.log"),
            new string('x', SupportBundle.LogBytes) + "\n" + key + "\nthe end: " + File.ReadAllText(paths.SiteKey), Ct);
        var bundle = new SupportBundle(paths, new Redaction([key, File.ReadAllText(paths.SiteKey)]),
            TimeProvider.System);
        bundle.AddSite();
        bundle.Add("made.json", new CreateTokenAnswer("lifeboat-token-1.ab.cd"));
        var path = Path.Combine(paths.Root, "bundle.tar.gz");
        bundle.Write(path);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Throws<IOException>(() => bundle.Write(path));

        var read = await ReadAsync(path);
        Assert.Contains("the end: [redacted]", read["logs/controller.log"], StringComparison.Ordinal);
        Assert.Contains("bytes before this are left out", read["logs/controller.log"], StringComparison.Ordinal);
        Assert.Contains("ca/ca.key", read["files.txt"], StringComparison.Ordinal);
        Assert.Equal("a", JsonDocument.Parse(read["site.json"]).RootElement.GetProperty("name").GetString());
        var secrets = Directory.EnumerateFiles(Path.GetDirectoryName(paths.CaKey)!, "*.key")
            .SelectMany(File.ReadAllLines).Where(l => l.Length > 8 && !l.StartsWith("-----", StringComparison.Ordinal));
        foreach (var secret in secrets)
            Assert.All(read, e => Assert.DoesNotContain(secret, e.Value, StringComparison.Ordinal));
    }

    private static async Task<Dictionary<string, string>> ReadAsync(string path)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        await using var file = File.OpenRead(path);
        await using var unpacked = new GZipStream(file, CompressionMode.Decompress);
        await using var tar = new TarReader(unpacked);
        while (await tar.GetNextEntryAsync(copyData: true, Ct) is { } entry)
            read[entry.Name] = entry.DataStream is { } data ? await new StreamReader(data).ReadToEndAsync(Ct) : "";
        return read;
    }

    private sealed record CreateTokenAnswer(string Token);
}
