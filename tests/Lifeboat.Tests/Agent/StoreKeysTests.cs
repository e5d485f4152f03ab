// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text.Json;
using Lifeboat.Agent.Keys;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Journaling.Sealing;
using Lifeboat.Protection;
using Lifeboat.Tests.Volumes.Files;

namespace Lifeboat.Tests.Agent;

public sealed class StoreKeysTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly TemporaryDirectory _directory = new();
    private readonly SitePaths _paths;
    private readonly string _store;

    public StoreKeysTests()
    {
        _paths = new SitePaths(_directory["site"]);
        _store = _directory["site/replicas/shop"];
        Directory.CreateDirectory(_store);
    }

    [Fact]
    public async Task Without_settings_nothing_gets_a_key_and_what_was_made_so_stays_so()
    {
        Configure(null);
        Assert.Null(await StoreKeys.OfAsync(_paths, "shop", _store, isNew: true, None));
        Configure(new EncryptionSettings { KeyFile = NewKeyFile("a") });
        Assert.Null(await StoreKeys.OfAsync(_paths, "shop", _store, isNew: false, None));
    }

    [Fact]
    public async Task A_store_keeps_its_key_and_only_the_tenants_key_file_opens_it()
    {
        var settings = new EncryptionSettings
        {
            KeyFile = NewKeyFile("site"), Tenants = [new TenantKey("acme", NewKeyFile("acme"), ["shop"])],
        };
        Configure(settings);
        var key = await StoreKeys.OfAsync(_paths, "shop", _store, isNew: true, None);
        Assert.Equal(key!.Id, (await StoreKeys.OfAsync(_paths, "shop", _store, isNew: false, None))!.Id);

        Configure(settings with { Tenants = [] });
        await RefusedAsync("locked with key");
        Configure(null);
        await RefusedAsync("no encryption settings");
        Configure(settings with { Tenants = [new TenantKey("acme", _directory["gone.key"], ["shop"])] });
        await RefusedAsync("gone.key");
    }

    [Fact]
    public async Task A_new_key_file_locks_it_anew_and_the_old_one_is_needed_no_more()
    {
        var (before, after) = (NewKeyFile("before"), NewKeyFile("after"));
        Configure(new EncryptionSettings { KeyFile = before });
        var key = await StoreKeys.OfAsync(_paths, "shop", _store, isNew: true, None);
        Configure(new EncryptionSettings { KeyFile = after });
        await RefusedAsync("oldKeyFiles");
        Configure(new EncryptionSettings { KeyFile = after, OldKeyFiles = [before] });
        Assert.Equal(key!.Id, (await StoreKeys.OfAsync(_paths, "shop", _store, isNew: false, None))!.Id);
        File.Delete(before);
        Configure(new EncryptionSettings { KeyFile = after });
        Assert.Equal(key.Id, (await StoreKeys.OfAsync(_paths, "shop", _store, isNew: false, None))!.Id);
    }

    [Fact]
    public async Task A_flipped_bit_of_a_key_is_mended_from_its_copy_whichever_it_is()
    {
        Configure(new EncryptionSettings { KeyFile = NewKeyFile("a") });
        var key = await StoreKeys.OfAsync(_paths, "shop", _store, isNew: true, None);
        foreach (var name in new[] { "key.json", "key.copy" })
        {
            var file = Path.Combine(_store, "key", name);
            var good = await File.ReadAllBytesAsync(file, None);
            for (var bit = 0; bit < 8 * good.Length; bit += 37)
            {
                var bad = good.ToArray();
                bad[bit / 8] ^= (byte)(1 << bit % 8);
                await File.WriteAllBytesAsync(file, bad, None);
                Assert.Equal(key!.Id, (await StoreKeys.OfAsync(_paths, "shop", _store, isNew: false, None))!.Id);
            }
        }
    }

    [Fact]
    public async Task A_key_file_that_everybody_can_read_or_that_is_no_key_is_refused()
    {
        var file = NewKeyFile("a");
        Configure(new EncryptionSettings { KeyFile = file });
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        await RefusedAsync("everybody", isNew: true);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(file, "abcd", None);
        await RefusedAsync("2 bytes", isNew: true);
        Assert.False(Directory.Exists(Path.Combine(_store, "key")) && Directory.GetFiles(
            Path.Combine(_store, "key")).Length > 0);
    }

    public void Dispose() => _directory.Dispose();

    private async Task RefusedAsync(string says, bool isNew = false)
    {
        var refused = await Assert.ThrowsAsync<ProblemException>(
            () => StoreKeys.OfAsync(_paths, "shop", _store, isNew, None));
        Assert.Equal(ReasonCode.KeyUnavailable, refused.Reason);
        Assert.Contains(says, refused.Message + " " + refused.Detail, StringComparison.Ordinal);
    }

    private string NewKeyFile(string name)
    {
        var file = _directory[name + ".key"];
        File.WriteAllText(file, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(StoreKey.Length)) + "\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }

    private void Configure(EncryptionSettings? settings) => File.WriteAllText(_paths.Configuration,
        JsonSerializer.Serialize(new SiteConfiguration { Name = "a", Encryption = settings }, ContractJson.Options));
}
