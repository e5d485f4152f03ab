// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Quiescing;
using Lifeboat.Testing.Quiescing;

namespace Lifeboat.Tests.Quiescing.GuestScript;

/// <summary>Against a fake qemu-ga; a real guest runs one in the integration tests.</summary>
public sealed class GuestScriptConformance : QuiesceProviderConformance, IAsyncDisposable
{
    private readonly List<string> _ran = [];
    private readonly GuestAgentDouble _guest;

    public GuestScriptConformance() => _guest = new GuestAgentDouble(TimeProvider.System) { Run = Run };

    protected override IQuiesceProvider Open(IReadOnlyDictionary<string, string> added) => Provider(added);

    [Fact]
    public async Task It_runs_as_its_user_and_exit_code_and_output_are_the_evidence()
    {
        var call = new QuiesceCall(Guid.NewGuid(), TimeSpan.FromSeconds(5), TimeProvider.System.GetUtcNow());
        var answer = await Provider(new Dictionary<string, string>()).QuiesceAsync(call, CancellationToken.None);
        Assert.Equal("quiesce ended with exit code 0: LOCK TABLES ok", answer.Evidence);
        Assert.Contains("su -s /bin/sh", _ran[0], StringComparison.Ordinal);
        Assert.Contains($"LIFEBOAT_ID={call.Id} LIFEBOAT_INSTANCE=db1", _ran[0], StringComparison.Ordinal);

        var failed = await Assert.ThrowsAsync<QuiesceProviderException>(() => Provider(
            new Dictionary<string, string>(), "fail").QuiesceAsync(call, CancellationToken.None));
        Assert.Equal((ProviderFault.Refused, "quiesce ended with exit code 4: no such table"),
            (failed.Fault, failed.Message));
    }

    public ValueTask DisposeAsync() => _guest.DisposeAsync();

    private Lifeboat.Quiescing.GuestScript.GuestScript Provider(
        IReadOnlyDictionary<string, string> added, string quiesce = "/usr/local/bin/db-quiesce") =>
        new(new QuiesceTarget("db1", _guest.Socket, "", TimeProvider.System)
        {
            Settings = Join(added, ("quiesce", quiesce), ("thaw", "/usr/local/bin/db-thaw"), ("user", "postgres")),
        });

    private (int, string) Run(string command)
    {
        _ran.Add(command);
        return command.EndsWith("fail", StringComparison.Ordinal) ? (4, "no such table\n") : (0, "LOCK TABLES\n  ok\n");
    }
}
