// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Qemu;

namespace Lifeboat.Tests.Qemu;

public sealed class QmpClientTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    // For a peer that answers: however busy the machine is.
    private static readonly QmpOptions Patient = new()
    {
        ConnectLimit = TimeSpan.FromSeconds(30),
        CommandLimit = TimeSpan.FromSeconds(30),
        LineBytesMax = 64 << 10,
    };

    [Fact]
    public async Task Answers_are_matched_by_id_and_events_reach_who_subscribed_before()
    {
        await using var peer = new ScriptedPeer(ScriptedPeer.Qmp(async c =>
        {
            await c.HearAsync();
            await c.SayAsync("""{"event": "BLOCK_JOB_READY", "data": {"device": "j1"}, "timestamp": {}}""");
            await c.SayAsync("""{"return": 1, "id": 77}""");
            await c.SayAsync("""{"return": {"answer": 42}, "id": 2}""");
            await c.StayAsync();
        }));
        await using var qmp = await ConnectAsync(peer);
        using var events = qmp.Subscribe();

        var answer = await qmp.ExecuteAsync("query-x", null, None);
        var happened = await events.WaitAsync(e => e.Name == "BLOCK_JOB_READY", TimeSpan.FromSeconds(2), None);

        Assert.Equal(42, answer.GetProperty("answer").GetInt32());
        Assert.Equal("j1", happened.Data.GetProperty("device").GetString());
        Assert.Equal("7.2.22", qmp.Version);
        Assert.Equal(Environment.ProcessId, qmp.ProcessId);
    }

    [Fact]
    public async Task A_list_is_read_item_by_item_and_what_cannot_be_read_ends_nothing_else()
    {
        await using var peer = new ScriptedPeer(ScriptedPeer.Qmp(async c =>
        {
            var id = 2;
            foreach (var said in (string[])["""[{"n": "a"}, {"n": "b \" ]"}]""", """[{"m": 1}]""", "{}", "[]"])
            {
                await c.HearAsync();
                await c.SayAsync($$"""{"return": {{said}}, "id": {{id++}}}""");
            }
            await c.StayAsync();
        }));
        await using var qmp = await ConnectAsync(peer);
        Task<List<string>> NamesAsync() => qmp.ListAsync("query-x", null, i => i.GetProperty("n").GetString()!, None);

        Assert.Equal(["a", "b \" ]"], await NamesAsync());
        await Assert.ThrowsAsync<KeyNotFoundException>(NamesAsync);
        await Assert.ThrowsAsync<InvalidOperationException>(NamesAsync);
        Assert.Empty(await NamesAsync());
    }

    [Fact]
    public async Task A_refusal_carries_the_words_of_qemu()
    {
        await using var peer = new ScriptedPeer(ScriptedPeer.Qmp(async c =>
        {
            await c.HearAsync();
            await c.SayAsync("""{"id": 2, "error": {"class": "DeviceNotFound", "desc": "no 'x'"}}""");
            await c.StayAsync();
        }));
        await using var qmp = await ConnectAsync(peer);

        var refused = await Assert.ThrowsAsync<QmpException>(() => qmp.ExecuteAsync("eject", null, None));

        Assert.Equal((QmpFault.Refused, "DeviceNotFound", "eject: no 'x'"),
            (refused.Fault, refused.ErrorClass, refused.Message));
    }

    [Fact]
    public async Task A_monitor_that_serves_somebody_else_is_busy_and_not_unreachable()
    {
        await using var peer = new ScriptedPeer(c => c.StayAsync());

        var quick = Patient with { ConnectLimit = TimeSpan.FromMilliseconds(400) };
        var busy = await Assert.ThrowsAsync<QmpException>(() => ConnectAsync(peer, quick));

        Assert.Equal(QmpFault.Busy, busy.Fault);
    }

    [Fact]
    public async Task What_was_meant_for_the_client_before_us_is_passed_over()
    {
        await using var peer = new ScriptedPeer(async c =>
        {
            await c.SayAsync("""{"event": "BLOCK_JOB_ERROR", "data": {"device": "j1"}, "timestamp": {}}""");
            await c.SayAsync("""{"return": {"answer": 1}, "id": 5}""");
            await ScriptedPeer.Qmp(async client =>
            {
                await client.HearAsync();
                await client.SayAsync(Encoding.UTF8.GetBytes("""{"return": {"answer": 2}, "id": 2}""" + "\n"));
                await client.SayAsync("""{"return": {"answer": 3}, "id": 2}""");
                await client.StayAsync();
            })(c);
        });
        await using var qmp = await ConnectAsync(peer);

        var answer = await qmp.ExecuteAsync("query-x", null, None);

        Assert.Equal(3, answer.GetProperty("answer").GetInt32());
    }

    [Fact]
    public async Task Who_does_not_greet_is_no_monitor()
    {
        await using var peer = new ScriptedPeer(async c =>
        {
            await c.SayAsync("""{"hello": "world"}""");
            await c.StayAsync();
        });

        var stranger = await Assert.ThrowsAsync<QmpException>(() => ConnectAsync(peer));

        Assert.Equal(QmpFault.Protocol, stranger.Fault);
    }

    [Fact]
    public async Task Nobody_there_is_unreachable()
    {
        var gone = await Assert.ThrowsAsync<QmpException>(
            () => QmpClient.ConnectAsync("/nonexistent/qmp.sock", Patient, TimeProvider.System, None));

        Assert.Equal(QmpFault.Unreachable, gone.Fault);
    }

    [Fact]
    public async Task A_command_without_an_answer_times_out_and_a_late_answer_is_dropped()
    {
        var answerLate = new TaskCompletionSource();
        await using var peer = new ScriptedPeer(ScriptedPeer.Qmp(async c =>
        {
            await c.HearAsync();
            await answerLate.Task;
            await c.SayAsync("""{"return": "late", "id": 2}""");
            await c.HearAsync();
            await c.SayAsync("""{"return": "right", "id": 3}""");
            await c.StayAsync();
        }));
        await using var qmp = await ConnectAsync(peer, Patient with { CommandLimit = TimeSpan.FromSeconds(2) });

        var late = await Assert.ThrowsAsync<QmpException>(() => qmp.ExecuteAsync("slow", null, None));
        answerLate.SetResult();

        Assert.Equal(QmpFault.Timeout, late.Fault);
        Assert.Equal("right", (await qmp.ExecuteAsync("next", null, None)).GetString());
    }

    [Fact]
    public async Task The_end_of_the_connection_ends_what_waits_and_what_comes_later()
    {
        await using var peer = new ScriptedPeer(ScriptedPeer.Qmp(c => c.HearAsync()));
        await using var qmp = await ConnectAsync(peer);
        using var events = qmp.Subscribe();

        var waiting = await Assert.ThrowsAsync<QmpException>(() => qmp.ExecuteAsync("quit", null, None));
        var later = await Assert.ThrowsAsync<QmpException>(() => qmp.ExecuteAsync("query", null, None));
        var subscribed = await Assert.ThrowsAsync<QmpException>(
            () => events.WaitAsync(_ => true, TimeSpan.FromSeconds(2), None));

        Assert.All([waiting, later, subscribed], e => Assert.Equal(QmpFault.Closed, e.Fault));
    }

    [Theory]
    [InlineData("this is no json\n")]
    [InlineData("[1,2,3]\n")]
    public async Task What_is_not_the_protocol_ends_the_conversation(string said)
    {
        await using var peer = new ScriptedPeer(ScriptedPeer.Qmp(async c =>
        {
            await c.HearAsync();
            await c.SayAsync(Encoding.UTF8.GetBytes(said));
            await c.StayAsync();
        }));
        await using var qmp = await ConnectAsync(peer);

        var ended = await Assert.ThrowsAsync<QmpException>(() => qmp.ExecuteAsync("query", null, None));

        Assert.Equal(QmpFault.Protocol, ended.Fault);
    }

    [Fact]
    public async Task A_line_in_pieces_is_put_together_and_an_endless_one_is_cut_off()
    {
        await using var peer = new ScriptedPeer(ScriptedPeer.Qmp(async c =>
        {
            await c.HearAsync();
            foreach (var b in "{\"return\": \"" + new string('x', 40_000)) await c.SayAsync([(byte)b]);
            await c.SayAsync("\", \"id\": 2}");
            await c.HearAsync();
            while (true) await c.SayAsync(new byte[8192]);
        }));
        await using var qmp = await ConnectAsync(peer);

        Assert.Equal(40_000, (await qmp.ExecuteAsync("long", null, None)).GetString()!.Length);
        var endless = await Assert.ThrowsAsync<QmpException>(() => qmp.ExecuteAsync("endless", null, None));

        Assert.Equal(QmpFault.Protocol, endless.Fault);
    }

    private static Task<QmpClient> ConnectAsync(ScriptedPeer peer, QmpOptions? options = null) =>
        QmpClient.ConnectAsync(peer.Path, options ?? Patient, TimeProvider.System, None);
}
