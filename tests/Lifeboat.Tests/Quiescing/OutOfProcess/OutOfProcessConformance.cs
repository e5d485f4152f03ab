// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Lifeboat.Quiescing;
using Lifeboat.Quiescing.OutOfProcess;
using Lifeboat.Tests.Tidy;

namespace Lifeboat.Tests.Quiescing.OutOfProcess;

/// <summary>The sample of kit/samples as its own process, and one that does everything wrong.</summary>
public sealed class OutOfProcessConformance : QuiesceProviderConformance, IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-sock").FullName;
    private readonly Process _sample;

    public OutOfProcessConformance()
    {
        Directory.CreateDirectory(Path.Combine(_directory, "quiesce-providers"));
        var start = new ProcessStartInfo("python3",
        [
            Path.Combine(SourceTree.Root, "kit", "samples", "quiesce-provider.py"), Socket,
            $"echo $INSTANCE rests > {_directory}/held; echo resting", $"rm -f {_directory}/held; echo going on",
        ]);
        _sample = Process.Start(start)!;
        SpinWait.SpinUntil(() => File.Exists(Socket) || _sample.HasExited, TimeSpan.FromSeconds(20));
        Assert.True(File.Exists(Socket), "the sample does not listen");
    }

    private string Socket => Path.Combine(_directory, "quiesce-providers", "sample.sock");

    protected override IQuiesceProvider Open(IReadOnlyDictionary<string, string> added) =>
        new Lifeboat.Quiescing.OutOfProcess.OutOfProcess(Target() with { Settings = Join(added, ("name", "sample")) });

    [Fact]
    public async Task The_sample_keeps_to_the_protocol_and_really_does_what_it_says()
    {
        var provider = Open(new Dictionary<string, string>());
        var call = new QuiesceCall(Guid.NewGuid(), TimeSpan.FromSeconds(5),
            TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(5));
        Assert.EndsWith("ended with 0: resting", (await provider.QuiesceAsync(call, None)).Evidence,
            StringComparison.Ordinal);
        Assert.Equal("db1 rests", File.ReadAllText(Path.Combine(_directory, "held")).Trim());
        Assert.True((await provider.ThawAsync(call, None)).Held);
        Assert.False(File.Exists(Path.Combine(_directory, "held")));

        var results = await ProtocolAcceptance.RunAsync(Socket, Target(), TimeSpan.FromSeconds(5), None);

        Assert.Equal(ProviderAcceptance.Checks.Count + 6, results.Count);
        Assert.Empty(results.Where(r => r.Problem is not null).Select(r => $"{r.Check}: {r.Problem}"));
    }

    [Fact]
    public async Task Where_nobody_listens_nothing_is_tried()
    {
        foreach (var path in new[] { Path.Combine(_directory, "nobody.sock"), new string('x', 200) })
        {
            var refused = await Assert.ThrowsAsync<QuiesceProviderException>(() =>
                ProtocolAcceptance.RunAsync(path, Target(), TimeSpan.FromSeconds(5), None));
            Assert.Equal(ProviderFault.Unreachable, refused.Fault);
            Assert.StartsWith($"{path}: there is no such socket", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_process_that_says_ok_to_everything_is_found_out()
    {
        var path = Path.Combine(_directory, "liar.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(8);
        using var stop = new CancellationTokenSource();
        var lying = LieAsync(listener, stop.Token);

        var results = await ProtocolAcceptance.RunAsync(path, Target(), TimeSpan.FromSeconds(5), None);

        await stop.CancelAsync();
        await lying;
        // It takes settings, holds for ever, is believed nothing of what it says after a thaw, and answers rubbish.
        Assert.True(results.Count(r => r.Problem is not null) >= 7,
            string.Join('\n', results.Select(r => $"{r.Check}: {r.Problem}")));
    }

    public void Dispose()
    {
        _sample.Kill();
        _sample.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private QuiesceTarget Target() => new("db1", null, _directory, TimeProvider.System);

    private static async Task LieAsync(Socket listener, CancellationToken ct)
    {
        var lie = Encoding.UTF8.GetBytes("""
            {"ok":{"name":"liar","protocol":1,"reached":"application","held":true,"evidence":"!","state":"quiesced"}}
            """ + "\n");
        try
        {
            while (true)
            {
                using var client = await listener.AcceptAsync(ct);
                await client.ReceiveAsync(new byte[1024], ct);
                await client.SendAsync(lie, ct);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // The test is over.
        }
    }
}
