// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text;
using Lifeboat.Testing.Oracle;
using Xunit;

namespace Lifeboat.Tests.Oracle;

public sealed class WitnessTests : IDisposable
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(50);

    private readonly string _directory = Directory.CreateTempSubdirectory("witness-").FullName;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(30));

    private CancellationToken Ct => _limit.Token;

    public void Dispose()
    {
        _limit.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ack")]
    [InlineData("ack 0000000000000001 1 5")]
    [InlineData("ack 000000000000001 1 5 9")]
    [InlineData("ack 0000000000000001 1 -5 9")]
    [InlineData("ack 0000000000000001 1 5 9 9")]
    [InlineData("nak 0000000000000001 1 5 9")]
    [InlineData("boot 0000000000000001 0000000000000002 1 0 3")]
    public void Half_a_line_is_no_report(string line) => Assert.Null(WitnessReport.Parse(line));

    [Fact]
    public async Task Hears_several_guests_over_broken_connections_and_writes_it_down()
    {
        var path = Path.Combine(_directory, "log");
        var log = new WitnessLogWriter(path);
        await using (var witness = new Witness(TimeProvider.System, log))
        {
            witness.Listen("one", Path.Combine(_directory, "1"));
            witness.Listen("two", Path.Combine(_directory, "2"));
            using (var one = await ConnectAsync("1"))
            {
                await SayAsync(one, "boot 00000000000000aa 0000000000000001 1 0 3 100\n");
                await SayAsync(one, "ack 0000000000000001 1 1 110\nack 00000");
                await SayAsync(one, "00000000001 1 2 120\nack 0000000000000001 1 3");
                await witness.History.WaitUntilAsync(h => h.Latest("one")?.LastAcked()?.N == 2, Ct);
            }
            using var again = await ConnectAsync("1");
            using var two = await ConnectAsync("2");
            await SayAsync(again, "boot 00000000000000aa 0000000000000001 1 0 3 100\nmark 0000000000000001 1 4 140\n");
            await SayAsync(two, "bad disk 1 is empty\n");
            await witness.History.WaitUntilAsync(h => h.Latest("one")?.LastAcked()?.N == 4
                && h.Complaints("two").Count == 1, Ct);
            Same(witness.History, await WitnessLogReader.ReadAsync(path, Ct));
        }
        log.Dispose();
        await File.AppendAllTextAsync(path, "123 one ack 00000000", Ct);   // killed in the middle of a line
        new WitnessLogWriter(path).Dispose();
        var read = await WitnessLogReader.ReadAsync(path, Ct);
        Assert.Equal([1, 2, 4], read.Latest("one")!.Acks.Select(a => a.N));
        Assert.True(read.Latest("one")!.Acks[2].Mark);
        Assert.Equal(["disk 1 is empty"], read.Complaints("two"));
    }

    [Fact]
    public async Task A_log_of_something_else_is_refused()
    {
        var path = Path.Combine(_directory, "log");
        await File.WriteAllTextAsync(path, "hello\n", Ct);
        var e = await Assert.ThrowsAsync<OracleException>(() => WitnessLogReader.ReadAsync(path, Ct));
        Assert.Equal(OracleFault.BadWitnessLog, e.Fault);
    }

    [Fact]
    public void The_longest_stall_counts_the_edges_and_reboots()
    {
        var history = new WitnessHistory();
        foreach (var ms in new[] { 100, 110, 500, 510 }) Ack(history, 1, ms, ms);
        foreach (var ms in new[] { 1500, 1510 }) Ack(history, 2, ms, ms);
        var inside = history.LongestStall("guest", Start.AddMilliseconds(100), Start.AddMilliseconds(520));
        Assert.Equal(TimeSpan.FromMilliseconds(390), inside.Length);
        Assert.Equal(Start.AddMilliseconds(110), inside.From);
        Assert.Equal(TimeSpan.FromMilliseconds(390), inside.GuestLength);
        var overReboot = history.LongestStall("guest", Start, Start.AddMilliseconds(1600));
        Assert.Equal(TimeSpan.FromMilliseconds(990), overReboot.Length);
        Assert.Equal(TimeSpan.FromMilliseconds(390), overReboot.GuestLength);
        var silent = history.LongestStall("guest", Start.AddSeconds(2), Start.AddSeconds(5));
        Assert.Equal(TimeSpan.FromSeconds(3), silent.Length);
    }

    [Fact]
    public void Questions_by_time_and_number_are_answered()
    {
        var history = new WitnessHistory();
        foreach (var n in new[] { 1, 2, 5, 6 }) Ack(history, 1, n, n * 10);
        Ack(history, 1, 5, 70);   // repeated after a reconnect: changes nothing
        var run = history.Latest("guest")!;
        Assert.Equal(2, run.LastAcked(Start.AddMilliseconds(50))!.Value.N);
        Assert.Null(run.LastAcked(Start.AddMilliseconds(10)));
        Assert.Equal(Start.AddMilliseconds(50), run.AckedAt(3));   // 5 covers 3
        Assert.Null(run.AckedAt(7));
        Assert.Equal([5, 6], run.AcksSince(Start.AddMilliseconds(21)).Select(a => a.N));
    }

    private static void Ack(WitnessHistory history, ulong run, long n, int ms) =>
        history.Add("guest", Start.AddMilliseconds(ms),
            new WitnessReport(ReportVerb.Ack, 0, run, (long)run, n, ms, ""));

    // The log keeps microseconds, the clock has tenths of them.
    private static void Same(WitnessHistory heard, WitnessHistory read) =>
        Assert.Equal(
            heard.Latest("one")!.Acks.Select(a => (a.N, a.Mark, a.GuestMs, a.At.Ticks / 10)),
            read.Latest("one")!.Acks.Select(a => (a.N, a.Mark, a.GuestMs, a.At.Ticks / 10)));

    private async Task<Socket> ConnectAsync(string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_directory, name)), Ct);
        return socket;
    }

    private async Task SayAsync(Socket socket, string text) =>
        await socket.SendAsync(Encoding.ASCII.GetBytes(text), Ct);
}
