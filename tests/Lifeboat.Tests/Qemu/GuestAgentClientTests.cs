// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.Json;
using Lifeboat.Qemu;

namespace Lifeboat.Tests.Qemu;

public sealed class GuestAgentClientTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    // For a peer that answers: however busy the machine is.
    private static readonly QmpOptions Patient = new()
    {
        ConnectLimit = TimeSpan.FromSeconds(30),
        CommandLimit = TimeSpan.FromSeconds(30),
    };

    [Fact]
    public async Task Stale_answers_of_an_earlier_client_are_flushed()
    {
        await using var peer = new ScriptedPeer(async c =>
        {
            await c.SayAsync("half of an ans");
            await c.SayAsync("""{"return": 12}""");
            await c.SayAsync([0xFF, .. "{\"return\": 1}\n"u8]);
            await SyncAsync(c);
            Assert.Contains("guest-fsfreeze-freeze", await c.HearAsync());
            await c.SayAsync("""{"return": 3}""");
            await c.StayAsync();
        });

        Assert.Equal(3, await Client(peer).FreezeAsync(None));
    }

    [Fact]
    public async Task A_silent_guest_is_a_time_out()
    {
        await using var peer = new ScriptedPeer(c => c.StayAsync());

        var quick = Client(peer, Patient with { ConnectLimit = TimeSpan.FromMilliseconds(500) });
        var silent = await Assert.ThrowsAsync<QmpException>(() => quick.PingAsync(None));

        Assert.Equal(QmpFault.Timeout, silent.Fault);
    }

    [Fact]
    public async Task A_second_client_waits_for_its_turn()
    {
        await using var peer = new ScriptedPeer(
            async c =>
            {
                await SyncAsync(c);
                await c.HearAsync();
                await Task.Delay(200);
                await c.SayAsync("""{"return": {}}""");
            },
            async c =>
            {
                await SyncAsync(c);
                await c.HearAsync();
                await c.SayAsync("""{"return": "frozen"}""");
            });
        var client = Client(peer);

        var first = client.PingAsync(None);
        var second = client.IsFrozenAsync(None);

        await first;
        Assert.True(await second);
    }

    [Fact]
    public async Task A_program_is_run_to_its_end_with_its_output()
    {
        await using var peer = new ScriptedPeer(
            c => AnswerAsync(c, """{"return": {"pid": 99}}"""),
            c => AnswerAsync(c, """{"return": {"exited": false}}"""),
            c => AnswerAsync(c,
                """{"return": {"exited": true, "exitcode": 3, "out-data": "aGk=", "err-data": "bm8="}}"""));

        var exit = await Client(peer).RunAsync("/bin/x", ["-a"], TimeSpan.FromSeconds(60), None);

        Assert.Equal(new GuestExit(3, null, "hi", "no"), exit);
    }

    [Fact]
    public async Task Shutdown_takes_silence_for_consent_and_an_error_for_none()
    {
        await using var peer = new ScriptedPeer(
            async c =>
            {
                await SyncAsync(c);
                Assert.Contains("powerdown", await c.HearAsync());
                await Task.Delay(5000);
            },
            c => AnswerAsync(c, """{"error": {"class": "GenericError", "desc": "not now"}}"""));
        var client = Client(peer, Patient with { CommandLimit = TimeSpan.FromSeconds(2) });

        await client.ShutdownAsync(None);
        var refused = await Assert.ThrowsAsync<QmpException>(() => client.ShutdownAsync(None));

        Assert.Equal(QmpFault.Refused, refused.Fault);
    }

    private static GuestAgentClient Client(ScriptedPeer peer, QmpOptions? options = null) =>
        new(peer.Path, options ?? Patient, TimeProvider.System);

    private static async Task AnswerAsync(Conversation c, string answer)
    {
        await SyncAsync(c);
        await c.HearAsync();
        await c.SayAsync(answer);
        await Task.Delay(20);
    }

    private static async Task SyncAsync(Conversation c)
    {
        var heard = await c.HearAsync();
        Assert.Equal('\uFFFD', heard[0]);
        var request = JsonDocument.Parse(heard[1..]).RootElement;
        Assert.Equal("guest-sync-delimited", request.GetProperty("execute").GetString());
        var id = request.GetProperty("arguments").GetProperty("id").GetInt64();
        await c.SayAsync([0xFF, .. Encoding.UTF8.GetBytes($"{{\"return\": {id}}}\n")]);
    }
}
