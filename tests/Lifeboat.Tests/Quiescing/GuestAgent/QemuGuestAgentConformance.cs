// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;
using Lifeboat.Quiescing.GuestAgent;
using Lifeboat.Testing.Quiescing;

namespace Lifeboat.Tests.Quiescing.GuestAgent;

/// <summary>Against a fake qemu-ga; the real one is in the integration tests.</summary>
public sealed class QemuGuestAgentConformance : QuiesceProviderConformance, IAsyncDisposable
{
    private const string Hook = "Sun Nov 29 07:00:00: /etc/qemu/fsfreeze-hook.d/mysql-flush finished with status=";
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly GuestAgentDouble _guest = new(TimeProvider.System)
    {
        HookLines = Hook + "0\n", Run = _ => (0, "Writer name: 'SqlServerWriter'\r\n   Last error: Timed out\r\n"),
    };

    protected override IQuiesceProvider Open(IReadOnlyDictionary<string, string> added) => Open(_guest, Join(added));

    [Fact]
    public async Task A_hook_that_failed_makes_it_not_held_though_the_agent_says_nothing()
    {
        _guest.HookLines = Hook + "0\n";
        await Open(_guest).QuiesceAsync(Call(), None);
        await Open(_guest).ThawAsync(Call(), None);
        _guest.HookLines = Hook + "3\n";
        var provider = Open(_guest);
        await provider.QuiesceAsync(Call(), None);

        var thawed = await provider.ThawAsync(Call(), None);

        Assert.False(thawed.Held);
        Assert.Equal("thawed 2 file systems; hooks: mysql-flush=3", thawed.Evidence);
    }

    [Fact]
    public async Task Windows_lets_go_by_itself_and_what_was_cut_after_that_does_not_count()
    {
        await using var windows = new GuestAgentDouble(TimeProvider.System)
        {
            VssLimit = TimeSpan.FromMilliseconds(150),
        };
        var provider = Open(windows);
        Assert.Equal(Consistency.Application, (await provider.QuiesceAsync(Call(), None)).Reached);
        await Task.Delay(250, None);

        var thawed = await provider.ThawAsync(Call(), None);

        Assert.False(thawed.Held);
        Assert.Contains(GuestAgentDouble.HeldTooLong, thawed.Evidence, StringComparison.Ordinal);
        await provider.QuiesceAsync(Call(), None);
        Assert.True((await provider.ThawAsync(Call(), None)).Held);
    }

    [Fact]
    public async Task A_VSS_writer_with_an_error_makes_it_not_held()
    {
        var provider = Open(_guest, ("vss-writers", "yes"));
        await provider.QuiesceAsync(Call(), None);
        var thawed = await provider.ThawAsync(Call(), None);
        Assert.False(thawed.Held);
        Assert.Contains("SqlServerWriter: Timed out", thawed.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_named_mount_points_are_frozen_with_a_timer_in_the_guest()
    {
        var provider = Open(_guest, ("mount-points", "/data, /var/lib"), ("guest-timer", "yes"));
        var answer = await provider.QuiesceAsync(Call(), None);
        Assert.EndsWith("; a timer in the guest thaws after 6 s", answer.Evidence, StringComparison.Ordinal);
        Assert.True((await provider.ThawAsync(Call(), None)).Held);
        Assert.Contains("guest-fsfreeze-freeze-list", _guest.Asked);
    }

    [Fact]
    public async Task A_guest_that_is_gone_or_has_no_agent_holds_nothing()
    {
        var gone = new QemuGuestAgent(new QuiesceTarget("gone", "/nonexistent/qga.sock", "", TimeProvider.System));
        var none = new QemuGuestAgent(new QuiesceTarget("none", null, "", TimeProvider.System));
        Assert.Equal(ProviderFault.Gone, await FaultAsync(gone));
        Assert.Equal(ProviderFault.Gone, await FaultAsync(none));
    }

    public ValueTask DisposeAsync() => _guest.DisposeAsync();

    private static QuiesceCall Call() => new(Guid.NewGuid(), TimeSpan.FromSeconds(5),
        TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(4.9));

    private static QemuGuestAgent Open(GuestAgentDouble guest, params (string, string)[] settings) =>
        Open(guest, Join(new Dictionary<string, string>(), settings));

    private static QemuGuestAgent Open(GuestAgentDouble guest, IReadOnlyDictionary<string, string> settings) =>
        new(new QuiesceTarget("db1", guest.Socket, "", TimeProvider.System) { Settings = settings });

    private static async Task<ProviderFault> FaultAsync(QemuGuestAgent provider) =>
        (await Assert.ThrowsAsync<QuiesceProviderException>(() => provider.QuiesceAsync(Call(), None))).Fault;
}
