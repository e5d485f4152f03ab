// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Agent.Systemd;

/// <summary>
/// The systemd unit (systemd.service(5), systemd.exec(5)) of a role of a site. The agent's runs its watchdog, which
/// takes over an agent that lives; so stopping or losing the watchdog lets no guest wait.
/// </summary>
/// <param name="Role">`controller` or `agent`.</param>
public sealed record ServiceUnit(string Role, SiteConfiguration Site, SitePaths Paths, Launcher Launcher)
{
    /// <summary>What both roles are denied. No file system is hidden: instances, their disks and sockets are
    /// anywhere.</summary>
    private const string Hardening = """
        NoNewPrivileges=yes
        LockPersonality=yes
        ProtectClock=yes
        ProtectHostname=yes
        RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
        RestrictSUIDSGID=yes
        SystemCallArchitectures=native
        SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @reboot @swap
        UMask=0077
        """;

    // The networks of the embedded site are mounts below /run/netns and outlive the controller: it must not have a
    // mount name space of its own, so only the agent has what needs one.
    private const string AgentHardening = """
        ProtectControlGroups=yes
        ProtectKernelLogs=yes
        ProtectKernelModules=yes
        ProtectKernelTunables=yes
        ProtectSystem=full
        RestrictNamespaces=yes
        """;

    public string Name => $"lifeboat-{Role}-{Site.Name}"
        + (Site.Host == AgentConfiguration.DefaultHost ? "" : $"-{Site.Host}") + ".service";

    /// <summary>The unit file's text.</summary>
    /// <exception cref="ProblemException">InvalidRequest: a path cannot be written in a unit.</exception>
    public string Text()
    {
        var isAgent = Role == SiteRole.Agent;
        var run = Command(isAgent ? [SiteRole.Watchdog, "--only", SiteRole.Agent] : [SiteRole.Controller]);
        var hardening = isAgent ? $"{Hardening}\n{AgentHardening}" : Hardening;
        return $"""
            # Written by `lifeboat {Role} install`; `lifeboat {Role} uninstall` takes it away.
            [Unit]
            Description=Lifeboat {Role} of site {Site.Name}
            Documentation=https://github.com/lifeboat-dr/lifeboat
            After=network-online.target
            Wants=network-online.target
            RequiresMountsFor={Quoted(Specifiers(Paths.Root))}
            StartLimitIntervalSec=0

            [Service]
            Type=notify
            ExecStart={run}
            ExecStop={Command(["site", "stop", "--only", Role])}
            Environment={ServiceNotice.KeeperVariable}=systemd
            WatchdogSec={(isAgent ? 10 : 30)}
            WatchdogSignal=SIGKILL
            Restart=on-failure
            RestartSec=100ms
            TimeoutStartSec=120
            TimeoutStopSec=60
            # Instances that the site started, and an agent whose watchdog has died, go on.
            KillMode=process
            LimitNOFILE=1048576
            LimitMEMLOCK=infinity
            RuntimeDirectory=lifeboat
            RuntimeDirectoryPreserve=yes
            {hardening}

            [Install]
            WantedBy=multi-user.target

            """;
    }

    private string Command(IEnumerable<string> arguments) => string.Join(' ',
        new[] { Launcher.Program }.Concat(Launcher.Prefix).Append("-d").Append(Paths.Root).Concat(arguments)
            .Select(word => Quoted(Specifiers(word).Replace("$", "$$", StringComparison.Ordinal))));

    private static string Specifiers(string word) => word.Replace("%", "%%", StringComparison.Ordinal);

    // systemd.syntax(7), "Quoting".
    private static string Quoted(string word)
    {
        if (word.Any(char.IsControl))
            throw new ProblemException(ReasonCode.InvalidRequest, $"'{word}' cannot be written in a unit");
        var escaped = word.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal);
        return escaped.Any(c => c is ' ' or '\'' or '"' or '\\' or ';') ? $"\"{escaped}\"" : escaped;
    }
}
