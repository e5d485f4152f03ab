// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Sites;

/// <summary>`site.json`: who this site is and where it listens. Written by `lifeboat site init`.</summary>
public sealed record SiteConfiguration
{
    public required string Name { get; init; }
    /// <summary>`address:port` where paired sites reach this site's controller (HTTPS).</summary>
    public string ControllerListen { get; init; } = "127.0.0.1:7401";
    /// <summary>`address:port` where other agents ship to (TLS 1.3).</summary>
    public string LinkListen { get; init; } = "127.0.0.1:7402";
    /// <summary>
    /// `host:port` that paired sites are told to ship to, when they do not reach <see cref="LinkListen"/> under its
    /// own address (address translation, a name, all addresses); absent: <see cref="LinkListen"/>.
    /// </summary>
    public string? LinkAdvertise { get; init; }
    /// <summary>
    /// `address:port` where the controller gives `/metrics`, `/healthz` and `/readyz` over plain HTTP to anybody who
    /// reaches it; absent: only on its own sockets.
    /// </summary>
    public string? ControllerMetricsListen { get; init; }
    /// <summary>The same of the agent.</summary>
    public string? AgentMetricsListen { get; init; }
    /// <summary>`text` or `json`: how the processes of the site write their logs.</summary>
    public string LogFormat { get; init; } = "text";
    /// <summary>Where traces are sent to, OTLP over gRPC, e.g. `http://127.0.0.1:4317`; absent: what the environment
    /// says (OTEL_EXPORTER_OTLP_ENDPOINT), else nowhere.</summary>
    public string? TraceEndpoint { get; init; }
    [JsonIgnore]
    public string LinkAddress => LinkAdvertise ?? LinkListen;
    /// <summary>The host whose agent has this directory.</summary>
    [JsonIgnore]
    public string Host { get; init; } = AgentConfiguration.DefaultHost;
    /// <summary>The controller whose directory this is.</summary>
    [JsonIgnore]
    public string Controller { get; init; } = ControllerConfiguration.DefaultName;
    /// <summary>The site driver that runs the instances.</summary>
    public string Driver { get; init; } = "qemu";
    /// <summary>The driver's options; absent: its defaults.</summary>
    public JsonElement? Options { get; init; }

    /// <summary>
    /// Of base images made from now on: `raw` files, or behind QEMU's storage daemon `qcow2` files or `rbd` images.
    /// </summary>
    public string ReplicaFormat { get; init; } = "raw";
    /// <summary>Where and how base images in a Ceph cluster are reached; absent: there are none.</summary>
    public RbdSettings? Rbd { get; init; }
    /// <summary>Absent: what is made from now on is not encrypted.</summary>
    public EncryptionSettings? Encryption { get; init; }
    /// <summary>Absent: this site leads no names anywhere.</summary>
    public DnsSettings? Dns { get; init; }
    /// <summary>Absent: tokens of no OpenID provider are taken.</summary>
    public OidcSettings? Oidc { get; init; }
    /// <summary>Absent: tokens of no OpenStack cloud are taken.</summary>
    public KeystoneSettings? Keystone { get; init; }
    /// <summary>
    /// A `policy.yaml` in oslo.policy's language, relative to the site's directory: rules in the place of the defaults
    /// of who may ask which operation. Absent: the defaults hold.
    /// </summary>
    public string? AccessRules { get; init; }
    /// <summary>Absent: site events are published to no message broker.</summary>
    public NotificationSettings? Notifications { get; init; }

    /// <summary>
    /// Where the controllers keep what they know: `postgresql://USER@HOST/DATABASE?OPTION=VALUE`, or keywords as Npgsql
    /// takes them; never with a password. Absent: a SQLite file in the site's directory, for one controller.
    /// </summary>
    public string? Database { get; init; }
    /// <summary>File with the password of the database's user, mode 0600; relative to the site's directory.</summary>
    public string? DatabasePasswordFile { get; init; }
    /// <summary>How long the controllers keep what they have written down; absent: the defaults.</summary>
    public RecordRetention? Retention { get; init; }
    /// <summary>How patient runs are; absent: the defaults.</summary>
    public RunLimits? Runs { get; init; }

    /// <exception cref="ProblemException">Missing, unreadable or with faults; all of them are listed.</exception>
    public static SiteConfiguration Read(string siteDirectory)
    {
        var paths = new SitePaths(siteDirectory);
        var path = paths.Configuration;
        SiteConfiguration? read;
        AgentConfiguration? further = null;
        ControllerConfiguration? controller = null;
        try
        {
            read = JsonSerializer.Deserialize<SiteConfiguration>(File.ReadAllBytes(path), ContractJson.Options);
            if (File.Exists(paths.AgentFile))
                further = JsonSerializer.Deserialize<AgentConfiguration>(
                    File.ReadAllBytes(paths.AgentFile), ContractJson.Options);
            if (File.Exists(paths.ControllerFile))
                controller = JsonSerializer.Deserialize<ControllerConfiguration>(
                    File.ReadAllBytes(paths.ControllerFile), ContractJson.Options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ProblemException(ReasonCode.SiteUnknown, $"{siteDirectory} is not a site directory",
                $"{path}: {e.Message.TrimEnd('.')}. Make one with `lifeboat site init`.", cause: e);
        }
        var problems = read is null ? ["site.json is empty"] : read.Problems().ToList();
        problems.AddRange(further?.Problems().Select(p => $"agent.json: {p}") ?? []);
        if (further is not null && problems.Count == 0)
            read = read! with { Host = further.Host, LinkListen = further.LinkListen, LinkAdvertise = null,
                AgentMetricsListen = further.MetricsListen };
        problems.AddRange(controller?.Problems().Select(p => $"controller.json: {p}") ?? []);
        if (controller is not null && problems.Count == 0)
            read = read! with { Controller = controller.Name, ControllerListen = controller.Listen,
                ControllerMetricsListen = controller.MetricsListen };
        return problems.Count == 0
            ? read!
            : throw new ProblemException(ReasonCode.InvalidRequest, $"{path} has faults", null, problems);
    }

    public IEnumerable<string> Problems()
    {
        if (!EntityName.IsValid(Name)) yield return $"name is '{Name}'; {EntityName.Rule}";
        if (!ListenAddress.IsValid(ControllerListen))
            yield return $"controllerListen is '{ControllerListen}'; {ListenAddress.Rule}";
        if (!ListenAddress.IsValid(LinkListen))
            yield return $"linkListen is '{LinkListen}'; {ListenAddress.Rule}";
        if (LinkAdvertise is { } advertised && !IsHostAndPort(advertised))
            yield return $"linkAdvertise is '{advertised}'; it must be host:port";
        foreach (var (what, listen) in new[] { ("controllerMetricsListen", ControllerMetricsListen),
            ("agentMetricsListen", AgentMetricsListen) })
            if (listen is not null && !ListenAddress.IsValid(listen))
                yield return $"{what} is '{listen}'; {ListenAddress.Rule}";
        if (LogFormat is not ("text" or "json")) yield return $"logFormat is '{LogFormat}'; it must be text or json";
        if (TraceEndpoint is { } traces && (!Uri.TryCreate(traces, UriKind.Absolute, out var url)
            || url.Scheme is not ("http" or "https")))
            yield return $"traceEndpoint is '{traces}'; it must be http://host:port or https://host:port";
        if (ReplicaFormat is not ("raw" or "qcow2" or "rbd"))
            yield return $"replicaFormat is '{ReplicaFormat}'; it must be raw, qcow2 or rbd";
        if (ReplicaFormat == "rbd" && Rbd is null)
            yield return "replicaFormat is 'rbd' and rbd is missing, which says where: {\"pool\": \"lifeboat\"}";
        if (Database is "")
            yield return "database is empty; leave it out for the SQLite file, or give postgresql://USER@HOST/DATABASE";
        if (DatabasePasswordFile is not null && Database is null)
            yield return "databasePasswordFile is given and database is not";
        if (AccessRules is "") yield return "accessRules is empty; leave it out, or name a file";
        foreach (var problem in Rbd?.Problems() ?? []) yield return problem;
        foreach (var problem in Encryption?.Problems() ?? []) yield return problem;
        foreach (var problem in Dns?.Problems() ?? []) yield return problem;
        foreach (var problem in Oidc?.Problems() ?? []) yield return problem;
        foreach (var problem in Keystone?.Problems() ?? []) yield return problem;
        foreach (var problem in Notifications?.Problems() ?? []) yield return problem;
        foreach (var problem in Retention?.Problems() ?? []) yield return problem;
        foreach (var problem in Runs?.Problems() ?? []) yield return problem;
    }

    // A port of 0 would be nobody's; an IPv6 address is in brackets, else its last part would be taken for the port.
    private static bool IsHostAndPort(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && ushort.TryParse(text.AsSpan(colon + 1), out var port) && port > 0
            && Uri.CheckHostName(text[..colon].Trim('[', ']')) is not UriHostNameType.Unknown
            && (text[..colon].IndexOf(':') < 0 || text[0] == '[');
    }
}
