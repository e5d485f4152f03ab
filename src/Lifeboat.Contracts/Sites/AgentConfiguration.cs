// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Sites;

/// <summary>
/// `agent.json`: says that a directory is that of a further agent of the site, and where this one listens. Everything
/// else is the site's. Written by `lifeboat agent add`.
/// </summary>
/// <param name="Host">Its name in the site.</param>
/// <param name="LinkListen">`address:port` where other agents ship to (TLS 1.3).</param>
public sealed record AgentConfiguration(string Host, string LinkListen)
{
    /// <summary>The host of the agent that every site has.</summary>
    public const string DefaultHost = "default";

    /// <summary>`address:port` where it gives `/metrics` and `/healthz` over plain HTTP; absent: only on its socket.
    /// </summary>
    public string? MetricsListen { get; init; }

    public IEnumerable<string> Problems()
    {
        if (!EntityName.IsValid(Host)) yield return $"host is '{Host}'; {EntityName.Rule}";
        else if (Host == DefaultHost) yield return $"host is '{Host}', which is the agent that every site has";
        if (!ListenAddress.IsValid(LinkListen))
            yield return $"linkListen is '{LinkListen}'; {ListenAddress.Rule}";
        if (MetricsListen is not null && !ListenAddress.IsValid(MetricsListen))
            yield return $"metricsListen is '{MetricsListen}'; {ListenAddress.Rule}";
    }
}
