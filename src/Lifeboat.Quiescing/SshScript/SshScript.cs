// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Protection.RecoveryPoints;
using Renci.SshNet;
using Renci.SshNet.Common;

namespace Lifeboat.Quiescing.SshScript;

/// <summary>Commands over SSH: in the guest, or on whatever machine brings its application to rest.</summary>
[QuiesceProvider("ssh-script")]
public sealed class SshScript(QuiesceTarget target) : IQuiesceProvider
{
    public Consistency Reaches => ScriptSettings.Reaches(target);

    public IEnumerable<string> Problems() =>
        [.. target.SettingProblems(["identity", "quiesce"], "thaw", "reaches"), .. ScriptSettings.Problems(target)];

    public async Task<QuiesceAnswer> QuiesceAsync(QuiesceCall call, CancellationToken ct) =>
        new(Reaches, await RunAsync("quiesce", target.Setting("quiesce")!, call, ct));

    public async Task<ThawAnswer> ThawAsync(QuiesceCall call, CancellationToken ct) =>
        target.Setting("thaw") is { } command
            ? new ThawAnswer(true, await RunAsync("thaw", command, call, ct))
            : new ThawAnswer(true, "there is nothing to do");

    public Task<QuiesceState> StateAsync(CancellationToken ct) => Task.FromResult(QuiesceState.Unknown);

    private async Task<string> RunAsync(string action, string command, QuiesceCall call, CancellationToken ct)
    {
        var identity = target.Identity<SshIdentity>(target.Setting("identity")!);
        if (identity.Problem() is { } problem)
            throw new QuiesceProviderException(ProviderFault.Misconfigured, problem);
        string? shown = null;
        try
        {
            using var key = new PrivateKeyFile(identity.KeyFile);
            using var ssh = new SshClient(new ConnectionInfo(identity.Host, identity.Port, identity.User,
                new PrivateKeyAuthenticationMethod(identity.User, key)) { Timeout = call.Limit });
            ssh.HostKeyReceived += (_, host) =>
            {
                shown = "SHA256:" + host.FingerPrintSHA256;
                host.CanTrust = shown == identity.HostKey.TrimEnd('=');
            };
            await ssh.ConnectAsync(ct);
            using var told = ssh.CreateCommand($"export LIFEBOAT_ACTION={action} LIFEBOAT_ID={call.Id} "
                + $"LIFEBOAT_INSTANCE={target.Instance}\n{command}");
            await told.ExecuteAsync(ct);
            return ScriptSettings.Outcome(action, told.ExitStatus ?? -1, told.Result, told.Error);
        }
        catch (SshConnectionException) when (shown is not null && shown != identity.HostKey.TrimEnd('='))
        {
            throw new QuiesceProviderException(ProviderFault.Refused,
                $"{identity.Host}:{identity.Port} showed another host key, {shown}, than its identity says");
        }
        catch (SshAuthenticationException e)
        {
            throw new QuiesceProviderException(ProviderFault.Refused,
                $"{identity.Host}:{identity.Port} does not let {identity.User} in with {identity.KeyFile}: {e.Message}",
                e);
        }
        catch (Exception e) when (e is SshException or SocketException)
        {
            throw new QuiesceProviderException(ProviderFault.Unreachable,
                $"{identity.Host}:{identity.Port}: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new QuiesceProviderException(ProviderFault.Misconfigured,
                $"keyFile {identity.KeyFile}: {e.Message}", e);
        }
    }
}

/// <summary>Whom to log in to, and as whom; the operator's file `quiesce/INSTANCE/NAME.json`.</summary>
/// <param name="KeyFile">Private key without a passphrase, on the host of the agent.</param>
/// <param name="HostKey">The only host key to believe, as `ssh-keygen -lf` shows it: `SHA256:…`.</param>
internal sealed record SshIdentity(string Host, string User, string KeyFile, string HostKey, int Port = 22)
{
    public string? Problem() => !HostKey.StartsWith("SHA256:", StringComparison.Ordinal)
        ? "hostKey of the identity is no fingerprint SHA256:…; `ssh-keyscan HOST | ssh-keygen -lf -` shows it"
        : Port is < 1 or > 65535 ? $"port of the identity is {Port}" : null;
}
