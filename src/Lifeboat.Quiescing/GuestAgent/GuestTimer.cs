// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Qemu;

namespace Lifeboat.Quiescing.GuestAgent;

/// <summary>
/// The dead man in the guest, for when all software of the host dies: a process that is started before the freeze,
/// waits for the deadline and a second, unfreezes and runs the thaw hooks. Asked for by the setting `guest-timer`: it
/// needs an agent that may run programs, and starts one in the guest each time.
/// </summary>
internal sealed class GuestTimer(QuiesceTarget target)
{
    private static readonly TimeSpan ExecLimit = TimeSpan.FromSeconds(2);
    private long? _process;

    /// <returns>What to say of it.</returns>
    public async Task<string> ArmAsync(QuiesceCall call, CancellationToken ct)
    {
        if (target.Setting("guest-timer") != "yes") return "";
        var seconds = Math.Ceiling((call.Deadline - target.Time.GetUtcNow()).TotalSeconds) + 1;
        // Everything it needs from now on is in memory or can be read: a frozen file system is not written to.
        var script = $"""
            sleep {seconds.ToString("0", CultureInfo.InvariantCulture)}
            while read -r device point type rest; do
              case $type in ext[234]|xfs|btrfs|f2fs|jfs|reiserfs|nilfs2) fsfreeze --unfreeze "$point" ;; esac
            done < /proc/mounts
            [ ! -x /etc/qemu/fsfreeze-hook ] || /etc/qemu/fsfreeze-hook thaw
            """;
        try
        {
            _process = await GuestAgents.Client(target, ExecLimit).ExecAsync("/bin/sh", ["-c", script], ct);
            return $"; a timer in the guest thaws after {seconds:0} s";
        }
        catch (QmpException e)
        {
            return $"; no timer in the guest: {e.Message}";
        }
    }

    /// <summary>A timer that is not ended finds nothing frozen, or ends a later freeze, which then does not count.
    /// </summary>
    public async Task DisarmAsync(CancellationToken ct)
    {
        if (_process is not { } process) return;
        _process = null;
        try
        {
            await GuestAgents.Client(target, ExecLimit).ExecAsync("/bin/sh", ["-c", $"kill {process}"], ct);
        }
        catch (QmpException)
        {
            // It ends by itself.
        }
    }
}
