// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.Tests.Nbd;

/// <summary>The client against damaged servers: an answer or an NbdException, never anything else.</summary>
[Collection(nameof(MemoryMeasured))]
public sealed class MutatedServerTests
{
    private const int Size = 1024 * 1024;
    private const long MemoryMax = 96L * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(3, true, 800)]
    [InlineData(4, false, 800)]
    public async Task The_client_outlives_damaged_servers(ulong seed, bool structured, int rounds)
    {
        var script = await RecordAsync(structured);
        await using var server = new ScriptedNbdServer(script);
        await TalkAsync(server.EndPoint, structured);   // the undamaged script works, or the test proves nothing
        server.Patience = TimeSpan.FromMilliseconds(5);
        var prng = new Prng(seed);
        var mutator = new ByteMutator(prng);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var failures = 0;

        for (var round = 0; round < rounds; round++)
        {
            var turn = prng.Next(script.Count);
            server.Script = [.. script.Select((t, i) => i == turn ? t with { Answer = mutator.Mutate(t.Answer) } : t)];
            try
            {
                await TalkAsync(server.EndPoint, structured).WaitAsync(Patience, Ct);
            }
            catch (NbdException)
            {
                failures++;
            }
            catch (TimeoutException)
            {
                Assert.Fail($"the client hangs: seed {seed}, round {round}");
            }
        }

        Assert.True(failures > rounds / 2, $"only {failures} of {rounds} damaged servers were noticed");
        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(grown < MemoryMax, $"{grown} bytes are held after seed {seed}");
    }

    private static async Task<IReadOnlyList<NbdTurn>> RecordAsync(bool structured)
    {
        var disk = new MemoryExport("disk", Size);
        disk.Write(300_000, new Prng(1).Bytes(100_000), fua: false);
        await using var fixture = new NbdFixture(disk);
        await using var proxy = new RecordingNbdProxy(fixture.EndPoint);
        await TalkAsync(proxy.EndPoint, structured);
        await proxy.Ended;
        return proxy.Turns;
    }

    private static async Task TalkAsync(System.Net.EndPoint endPoint, bool structured)
    {
        var options = new NbdClientOptions
        {
            Export = "disk",
            StructuredReplies = structured,
            MetaContexts = structured ? [NbdExtent.BaseAllocation] : [],
            HandshakeTimeout = TimeSpan.FromSeconds(5),
        };
        await using var client = await NbdClient.ConnectAsync(endPoint, options, Ct);
        await client.ReadAsync(0, new byte[4096], Ct);
        await client.WriteAsync(0, new byte[512], fua: false, Ct);
        await client.ReadAsync(300_000, new byte[100_000], Ct);
        if (structured)
            await client.BlockStatusAsync(NbdExtent.BaseAllocation, 0, Size, Ct);
        await client.FlushAsync(Ct);
    }
}
