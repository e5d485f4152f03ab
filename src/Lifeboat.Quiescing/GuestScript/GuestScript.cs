// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Qemu;
using Lifeboat.Quiescing.GuestAgent;

namespace Lifeboat.Quiescing.GuestScript;

/// <summary>Commands in the guest, run through qemu-ga's guest-exec; exit code 0 is success.</summary>
[QuiesceProvider(QuiesceStep.GuestScript)]
public sealed partial class GuestScript(QuiesceTarget target) : IQuiesceProvider
{
    public Consistency Reaches => ScriptSettings.Reaches(target);

    public IEnumerable<string> Problems() =>
    [
        .. target.SettingProblems(["quiesce"], "thaw", "user", "reaches"), .. ScriptSettings.Problems(target),
        .. target.Setting("user") is { } user && !User().IsMatch(user)
            ? new[] { $"setting 'user' is '{user}', no user name" } : [],
    ];

    public async Task<QuiesceAnswer> QuiesceAsync(QuiesceCall call, CancellationToken ct) =>
        new(Reaches, await RunAsync("quiesce", target.Setting("quiesce")!, call, ct));

    public async Task<ThawAnswer> ThawAsync(QuiesceCall call, CancellationToken ct) =>
        target.Setting("thaw") is { } command
            ? new ThawAnswer(true, await RunAsync("thaw", command, call, ct))
            : new ThawAnswer(true, "there is nothing to do");

    // Only the script knows.
    public Task<QuiesceState> StateAsync(CancellationToken ct) => Task.FromResult(QuiesceState.Unknown);

    private Task<string> RunAsync(string action, string command, QuiesceCall call, CancellationToken ct) =>
        GuestAgents.AskAsync(async () =>
        {
            var agent = GuestAgents.Client(target, call.Limit);
            var told = $"export LIFEBOAT_ACTION={action} LIFEBOAT_ID={call.Id} LIFEBOAT_INSTANCE={target.Instance}\n";
            string[] arguments = target.Setting("user") is { } user
                ? ["-c", "exec su -s /bin/sh \"$0\" -c \"$1\"", user, told + command]
                : ["-c", told + command];
            var exit = await agent.RunAsync("/bin/sh", arguments, call.Limit, ct);
            return ScriptSettings.Outcome(action, exit.ExitCode, exit.Output, exit.ErrorOutput);
        });

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_.-]{0,31}$", RegexOptions.CultureInvariant)]
    private static partial Regex User();
}
