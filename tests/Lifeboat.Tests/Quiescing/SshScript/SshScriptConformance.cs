// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Lifeboat.Quiescing;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Quiescing.SshScript;

/// <summary>Against a real sshd on loopback with keys of its own.</summary>
public sealed class SshScriptConformance : QuiesceProviderConformance, IDisposable
{
    private const string Sshd = "/usr/sbin/sshd";
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-ssh").FullName;
    private readonly Process _sshd;
    private readonly string _hostKey;
    private readonly int _port;

    public SshScriptConformance()
    {
        Assert.SkipUnless(File.Exists(Sshd), "openssh-server is not installed; kit/set-up does that");
        foreach (var key in new[] { "host", "client", "stranger" })
            Run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", At(key));
        File.Copy(At("client.pub"), At("authorized"));
        _hostKey = Run("ssh-keygen", "-lf", At("host.pub")).Split(' ')[1];
        _port = FreePort.Next();
        if (Environment.UserName == "root") Directory.CreateDirectory("/run/sshd");
        File.WriteAllText(At("config"), $"""
            ListenAddress 127.0.0.1:{_port}
            HostKey {At("host")}
            AuthorizedKeysFile {At("authorized")}
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            """);
        _sshd = Process.Start(new ProcessStartInfo(Sshd, ["-D", "-e", "-f", At("config")])
        {
            RedirectStandardError = true,
        })!;
        _sshd.BeginErrorReadLine();
        Assert.True(SpinWait.SpinUntil(Answers, TimeSpan.FromSeconds(20)), "sshd does not listen");
        Identity("db", At("client"), _hostKey);
    }

    protected override IQuiesceProvider Open(IReadOnlyDictionary<string, string> added) => Provider("db", added);

    [Fact]
    public async Task Exit_code_and_output_are_the_evidence_and_only_the_pinned_host_is_believed()
    {
        var answer = await Provider("db").QuiesceAsync(Call(5), None);
        Assert.Equal("quiesce ended with exit code 0: quiesce of db1", answer.Evidence);
        var failed = await FailAsync(Provider("db", quiesce: "echo table is locked >&2; exit 7"));
        Assert.Equal((ProviderFault.Refused, "quiesce ended with exit code 7: table is locked"),
            (failed.Fault, failed.Message));

        Identity("other-host", At("client"), "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        var other = await FailAsync(Provider("other-host"));
        Assert.Equal(ProviderFault.Refused, other.Fault);
        Assert.Contains("another host key, " + _hostKey, other.Message, StringComparison.Ordinal);
        Identity("stranger", At("stranger"), _hostKey);
        Assert.Contains("does not let", (await FailAsync(Provider("stranger"))).Message, StringComparison.Ordinal);
        Identity("no-key", At("nowhere"), _hostKey);
        Assert.Equal(ProviderFault.Misconfigured, (await FailAsync(Provider("no-key"))).Fault);
    }

    [Fact]
    public async Task A_command_that_hangs_ends_with_the_limit()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        var began = Stopwatch.GetTimestamp();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Provider("db", quiesce: "sleep 60").QuiesceAsync(Call(1), limit.Token));
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(10));
    }

    public void Dispose()
    {
        _sshd?.Kill(entireProcessTree: true);
        _sshd?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private string At(string name) => Path.Combine(_directory, name);

    private bool Answers()
    {
        try
        {
            using var client = new TcpClient("127.0.0.1", _port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Identity(string name, string keyFile, string hostKey)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_directory, "quiesce", "db1")).FullName;
        var path = Path.Combine(folder, name + ".json");
        File.WriteAllText(path, JsonSerializer.Serialize(
            new { host = "127.0.0.1", port = _port, user = Environment.UserName, keyFile, hostKey }));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private IQuiesceProvider Provider(string identity, IReadOnlyDictionary<string, string>? added = null,
        string quiesce = "echo $LIFEBOAT_ACTION of $LIFEBOAT_INSTANCE") =>
        new Lifeboat.Quiescing.SshScript.SshScript(new QuiesceTarget("db1", null, _directory, TimeProvider.System)
        {
            Settings = Join(added ?? new Dictionary<string, string>(), ("identity", identity), ("quiesce", quiesce),
                ("thaw", "echo $LIFEBOAT_ACTION of $LIFEBOAT_INSTANCE")),
        });

    private static QuiesceCall Call(int seconds) => new(Guid.NewGuid(), TimeSpan.FromSeconds(seconds),
        TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(seconds));

    private static Task<QuiesceProviderException> FailAsync(IQuiesceProvider provider) =>
        Assert.ThrowsAsync<QuiesceProviderException>(() => provider.QuiesceAsync(Call(5), None));

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
