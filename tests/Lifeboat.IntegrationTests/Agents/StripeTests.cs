// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection.Links;
using Lifeboat.Testing.Field;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>One link over two paths, each a proxy of ours, between real agents.</summary>
public sealed class StripeTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Two_paths_carry_one_stream_and_when_one_falls_silent_the_other_has_it_all()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        // One that takes everything at once would be left with all of it.
        await using var first = Proxy();
        await using var second = Proxy();
        first.Conditions = second.Conditions = new LinkConditions { BytesPerSecond = 4 << 20 };
        await A.Client.PutLinkAsync(B.Name, new LinkSettings
        {
            Compression = CompressionMode.None,
            Paths = [$"127.0.0.1={first.Address}", $"lo={second.Address}"],
        }, None);
        await vm.ProtectAsync(A, B);
        await UntilAsync(p => p.All(s => s is { Up: 1, Wanted: 1 }));
        await WriteAsync(vm, 0x10);
        await vm.AssertPointIsTheDisksAsync(A, B);
        Assert.All(await PathsAsync(), p => Assert.True(p.WireBytes > 1 << 20, $"{p} carried next to nothing"));

        var before = await A.Client.SourceAsync(ProtectedQemu.Group, None);
        first.Conditions = new LinkConditions { SilentForth = true, SilentBack = true };
        await WriteAsync(vm, 0x50);
        await vm.AssertPointIsTheDisksAsync(A, B);
        var after = await A.Client.SourceAsync(ProtectedQemu.Group, None);
        Assert.Equal((before.Attaches, SourcePhase.Streaming), (after.Attaches, after.Phase));
        await UntilAsync(p => p[0] is { Up: 0, Detail: not null } && p[1].Up == 1);

        first.Conditions = LinkConditions.Good;
        await UntilAsync(p => p.All(s => s.Up == 1));
        await WriteAsync(vm, 0x90);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    private LinkProxy Proxy()
    {
        var proxy = LinkProxy.Listen(IPEndPoint.Parse(B.LinkAddress), TimeProvider.System);
        return proxy;
    }

    private async Task<IReadOnlyList<LinkPathStatus>> PathsAsync() =>
        (await A.Client.LinkAsync(B.Name, None)).Paths!;

    private async Task UntilAsync(Func<IReadOnlyList<LinkPathStatus>, bool> wanted)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!wanted(await PathsAsync()))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(60),
                string.Join("; ", await PathsAsync()));
            await Task.Delay(50, None);
        }
    }

    private static async Task WriteAsync(ProtectedQemu vm, byte pattern)
    {
        for (var i = 0; i < 16; i++) await vm.Qemu.WriteAsync(0, (byte)(pattern + i), i << 20, 1 << 20);
    }
}
