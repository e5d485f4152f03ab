// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Linking;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Contracts.Sites;
using Lifeboat.Quiescing;
using Lifeboat.Replication.Linking;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent;

/// <summary>What all sources and replicas of one agent share.</summary>
internal sealed record AgentParts(
    SitePaths Paths, CaptureGateway Gateway, QemuMonitors Monitors, ILink Link, HeartbeatPage Heartbeat,
    TimeProvider Time, ILoggerFactory Logs, LinkBudgets Links)
{
    /// <summary>One for all: an instance is held once, whoever asks.</summary>
    public WatchedQuiesces Quiesces { get; } = new(
        QuiesceProviders.Shipped(), Heartbeat, Paths.Root, Path.Combine(Paths.Run, "quiesce"), Time);
}
