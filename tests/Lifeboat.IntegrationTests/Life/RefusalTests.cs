// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>Each wrong thing gives a clear message and an exit code of its own, and leaves the state as
/// before.</summary>
[Collection(LifeCollection.Name)]
public sealed class RefusalTests
{
    [Fact]
    public async Task Every_mistake_has_its_own_exit_code_and_changes_nothing()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("db", OracleWorkload.Default, OracleBus.VirtioBlk,
            [(96L << 20, OracleFileSystem.Ext4)], ct);
        string[] create = ["group", "create", FieldPair.Group, "--instance", "db", "--recovery-site", "b"];

        await RefusedAsync(pair.A, ReasonCode.MonitorUnreachable, "/nowhere.sock", ct,
            "instance", "adopt", "db", "--qmp", "/nowhere.sock");
        await RefusedAsync(pair.A, ReasonCode.InstanceUnknown, "nobody", ct,
            "group", "create", "g", "--instance", "nobody", "--recovery-site", "b");
        await pair.A.MustAsync(
            ["instance", "adopt", "db", "--qmp", vm.QmpSocket, "--guest-agent", vm.GuestAgentSocket], ct);
        await RefusedAsync(pair.A, ReasonCode.SiteUnknown, "nowhere", ct,
            "group", "create", "g", "--instance", "db", "--recovery-site", "nowhere");

        var small = Path.Combine(pair.Directory, "small.img");
        await using (var file = File.Create(small)) file.SetLength(32 << 20);
        await RefusedAsync(pair.A, ReasonCode.TargetTooSmall, "small.img", ct,
            [.. create, "--target-disk", $"db.{await DiskAsync(pair, ct)}={small}"]);
        await using (await TinyFileSystem.MountAsync(pair.B.Paths.Replicas, ct))
            await RefusedAsync(pair.A, ReasonCode.TargetFull, pair.B.Paths.Replicas, ct, create);
        Assert.Equal("[]", (await pair.A.MustAsync(["group", "list", "-o", "json"], ct)).Trim());
        Assert.Equal("[]", (await pair.B.MustAsync(["group", "list", "-o", "json"], ct)).Trim());

        await RefusedAsync(pair.A, ReasonCode.GroupUnknown, "nope", ct, "group", "get", "nope");
        await RefusedAsync(pair.A, ReasonCode.PairingTokenRefused, "token", ct,
            "site", "pair", await SpoiltTokenAsync(pair, ct));

        await pair.ProtectWithAsync(create, ct);
        await ForeignCertificateIsRefusedAsync(pair, ct);
        await RefusedAsync(pair.B, ReasonCode.PointUnknown, "point", ct,
            "drill", FieldPair.Group, "--point", Guid.NewGuid().ToString());
        var drill = await pair.B.AskAsync<RunInfo>(["drill", FieldPair.Group, "--hold", "30s", "--no-wait"], ct);
        await RefusedAsync(pair.B, ReasonCode.WrongState, "--source-is-dead", ct, "failover", FieldPair.Group);
        await RefusedAsync(pair.B, ReasonCode.RunInProgress, drill.Id.ToString(), ct,
            "failover", FieldPair.Group, "--source-is-dead");
        await pair.B.MustAsync(["run", "cancel", $"{drill.Id}"], ct);
        await pair.UntilProtectedAsync(pair.A, TimeSpan.FromMinutes(1), ct);
    }

    private static async Task RefusedAsync(FieldSite site, ReasonCode reason, string mentions, CancellationToken ct,
        params string[] command)
    {
        var answer = await site.RunAsync(command, ct);
        Assert.True(answer.Reason == reason, $"lifeboat {string.Join(' ', command)}: wanted {reason}, got "
            + $"{answer.ExitCode}: {answer.Talk}");
        Assert.Contains(mentions, answer.Talk, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Site b is made to trust another CA under a's name: what a shows is foreign to it then.</summary>
    private static async Task ForeignCertificateIsRefusedAsync(FieldPair pair, CancellationToken ct)
    {
        var anchor = pair.B.Paths.TrustAnchor("a");
        var right = await File.ReadAllTextAsync(anchor, ct);
        await File.WriteAllTextAsync(anchor, await File.ReadAllTextAsync(pair.B.Paths.CaCertificate, ct), ct);
        var refused = await AfterRestartAsync(pair, ct);
        Assert.Equal(ReasonCode.CertificateRefused, refused.Reason);
        Assert.Contains("certificate", refused.Talk, StringComparison.OrdinalIgnoreCase);
        await File.WriteAllTextAsync(anchor, right, ct);
        Assert.Equal(ReasonCode.None, (await AfterRestartAsync(pair, ct)).Reason);
    }

    /// <summary>Kills b's controller, so that a has to connect anew, and asks a for what b knows.</summary>
    private static async Task<CommandAnswer> AfterRestartAsync(FieldPair pair, CancellationToken ct)
    {
        Assert.True(pair.B.Kill("controller"));
        var start = pair.Time.GetTimestamp();
        while (true)
        {
            var answer = await pair.A.RunAsync(["point", "list", FieldPair.Group], ct);
            if (answer.Reason != ReasonCode.PeerUnreachable) return answer;
            Assert.True(pair.Time.GetElapsedTime(start) < TimeSpan.FromSeconds(60), answer.Talk);
        }
    }

    private static async Task<string> DiskAsync(FieldPair pair, CancellationToken ct) =>
        (await pair.A.AskAsync<List<Contracts.Sites.SiteInstance>>(["instance", "list"], ct))[0].Disks[0].Name;

    /// <summary>A well-formed token of b whose secret is another one.</summary>
    private static async Task<string> SpoiltTokenAsync(FieldPair pair, CancellationToken ct)
    {
        var token = (await pair.B.MustAsync(["site", "token"], ct)).Trim();
        var last = token[^3];
        return token[..^3] + (last == 'A' ? 'B' : 'A') + token[^2..];
    }
}
