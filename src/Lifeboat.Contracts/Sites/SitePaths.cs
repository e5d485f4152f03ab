// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;

namespace Lifeboat.Contracts.Sites;

/// <summary>Where things are inside a site directory: one place for the names, for all processes of the site.</summary>
public sealed record SitePaths(string Root)
{
    public string Configuration => Path.Combine(Root, "site.json");
    /// <summary>Only in the directory of a further agent: see <see cref="AgentConfiguration"/>.</summary>
    public string AgentFile => Path.Combine(Root, "agent.json");
    /// <summary>The directories of further agents, by host.</summary>
    public string Agents => Path.Combine(Root, "agents");
    /// <summary>Only in the directory of a further controller: see <see cref="ControllerConfiguration"/>.</summary>
    public string ControllerFile => Path.Combine(Root, "controller.json");
    /// <summary>The directories of further controllers, by name.</summary>
    public string Controllers => Path.Combine(Root, "controllers");
    public string ControllerSocket => Path.Combine(Root, "controller.sock");
    public string AgentSocket => Path.Combine(Root, "agent.sock");
    /// <summary>Beside the agent's API: see <see cref="Contracts.Agents.CutLine"/>.</summary>
    public string CutSocket => CutSocketOf(AgentSocket);
    public string Run => Path.Combine(Root, "run");
    /// <summary>Shared memory between agent and watchdog.</summary>
    public string Heartbeat => Path.Combine(Run, "heartbeat");
    public string Logs => Path.Combine(Root, "logs");
    public string Replicas => Path.Combine(Root, "replicas");
    /// <summary>Sockets of quiesce providers that are processes of their own, put there by the operator.</summary>
    public string QuiesceProviders => Path.Combine(Root, "quiesce-providers");
    public string Views => Path.Combine(Root, "views");
    /// <summary>What the agent was asked to do; kept over restarts.</summary>
    public string AgentState => Path.Combine(Root, "agent");
    /// <summary>
    /// What is true only as long as this host runs, and must not come back with a backup of the site. Outside of the
    /// site's directory, one for each site of the host.
    /// </summary>
    public string Volatile => Path.Combine("/run/lifeboat",
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(Root))))[..16]);
    /// <summary>Certificate of the site's CA, PEM.</summary>
    public string CaCertificate => Path.Combine(Root, "ca", "ca.pem");
    public string CaKey => Path.Combine(Root, "ca", "ca.key");
    /// <summary>What is secret in the controller's database is sealed with this: 64 hex digits.</summary>
    public string SiteKey => Path.Combine(Root, "ca", "site.key");
    public string TrustAnchors => Path.Combine(Root, "ca", "peers");
    public string ControllerCertificate => Path.Combine(Root, "ca", "controller.pem");
    public string ControllerKey => Path.Combine(Root, "ca", "controller.key");
    public string ControllerDatabase => Path.Combine(Root, "controller.db");
    public string Instances => Path.Combine(Root, "instances");
    /// <summary>Group definitions as files, for a controller that lost its database.</summary>
    public string Groups => Path.Combine(Root, "groups");
    public string Reports => Path.Combine(Root, "reports");
    /// <summary>Kernels and initrds by the SHA-256 of their content.</summary>
    public string Boot => Path.Combine(Root, "boot");
    public string AgentCertificate => Path.Combine(Root, "ca", "agent.pem");
    public string AgentKey => Path.Combine(Root, "ca", "agent.key");

    internal static string CutSocketOf(string agentSocket) =>
        Path.Combine(Path.GetDirectoryName(agentSocket) ?? "", "cut.sock");

    /// <summary>The directory of the agent of a host; the default host's is the site's own.</summary>
    public SitePaths OfHost(string host) =>
        host == AgentConfiguration.DefaultHost ? this : new(Path.Combine(Agents, host));

    /// <summary>The directory of a controller; the default one's is the site's own.</summary>
    public SitePaths OfController(string name) =>
        name == ControllerConfiguration.DefaultName ? this : new(Path.Combine(Controllers, name));

    /// <summary>Names of further controllers, as their directories are here.</summary>
    public IReadOnlyList<string> FurtherControllers() => !Directory.Exists(Controllers) ? [] :
    [
        .. Directory.EnumerateDirectories(Controllers).Where(d => File.Exists(new SitePaths(d).ControllerFile))
            .Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal),
    ];

    /// <summary>The site's own directory, of a further controller's too.</summary>
    public SitePaths OfSite() => !File.Exists(ControllerFile) ? this
        : new(Path.GetDirectoryName(Path.GetDirectoryName(Path.GetFullPath(Root)))!);

    /// <summary>Hosts of further agents, as their directories are here.</summary>
    public IReadOnlyList<string> FurtherHosts() => !Directory.Exists(Agents) ? [] :
    [
        .. Directory.EnumerateDirectories(Agents).Where(d => File.Exists(new SitePaths(d).AgentFile))
            .Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal),
    ];

    /// <summary>CA certificate of a paired site, PEM.</summary>
    public string TrustAnchor(string site) => Path.Combine(Root, "ca", "peers", site + ".pem");
    /// <summary>What a paired site has said of the certificates that it replaced, JSON.</summary>
    public string FormerCertificates(string site) => Path.Combine(Root, "ca", "peers", site + ".json");
    /// <param name="role">`watchdog`, `controller` or `agent`.</param>
    public string PidFile(string role) => Path.Combine(Run, role + ".pid");
    public string LogFile(string role) => Path.Combine(Logs, role + ".log");
}
