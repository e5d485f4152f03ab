// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Cli;

/// <summary>
/// Which commands take `--dry-run`: all but those named here. A command that is added takes it, unless somebody says
/// here why not.
/// </summary>
internal static class DryRuns
{
    /// <summary>They show something and change nothing.</summary>
    public static readonly IReadOnlySet<string> Read = new HashSet<string>(StringComparer.Ordinal)
    {
        "access check", "access rules", "access sample", "agent list", "alert deliveries", "alert list",
        "alert target list", "application list", "application points",
        "audit list", "audit verify", "completion", "controller list", "db backup", "db check", "doctor",
        "evacuation get", "evacuation list",
        "event watch", "export", "followup list", "group digest", "group divergence", "group get", "group list",
        "group sla", "instance list", "link get", "man", "openapi", "operation get", "operation list", "plan get",
        "plan list", "point digest", "point list", "policy get", "policy list", "project get", "project list",
        "project plan", "quiesce list", "report get",
        "run get", "run list", "site get", "status", "tenant get", "tenant list", "token list",
        "usage report", "user get", "user list",
    };

    /// <summary>They change something and cannot be tried, and why.</summary>
    public static readonly IReadOnlyDictionary<string, string> Without = new Dictionary<string, string>
    {
        ["agent"] = "a process of the site, which its watchdog starts",
        ["controller"] = "a process of the site, which its watchdog starts",
        ["watchdog"] = "a process of the site",
        ["libvirt-gate"] = "a process that stands before libvirt",
        ["quiesce conformance"] = "what it tries is a provider; it has nothing else to do",
    };

    /// <summary>They have an option of their own, which shows more: a plan, a difference, a unit.</summary>
    public static readonly IReadOnlySet<string> Own = new HashSet<string>(StringComparer.Ordinal)
    {
        "agent install", "apply", "controller install", "drill", "evacuation start",
        "failback", "failover", "group resolve", "reprotect",
    };

    public static bool Offers(string command) =>
        !Read.Contains(command) && !Without.ContainsKey(command) && !Own.Contains(command);
}
