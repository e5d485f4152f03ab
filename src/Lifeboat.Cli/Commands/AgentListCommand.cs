// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Cli.Commands;

internal sealed class AgentListCommand() : LifeboatCommand("agent", "list", "List the agents of this site")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await session.Controller.SiteAsync(ct);
        IReadOnlyList<HostInfo> hosts =
            [new HostInfo(AgentConfiguration.DefaultHost, site.Agent, site.AgentReason), .. site.Hosts];
        session.Output.Write(hosts, table =>
        {
            table.AddColumns("host", "health", "pid", "up since", "link", "sources", "replicas");
            foreach (var host in hosts)
                table.AddRow(host.Host, host.Agent is null ? Show.Name(host.Reason) : "up",
                    $"{host.Agent?.ProcessId}", host.Agent is { } up ? Show.Time(up.StartedAt) : "",
                    host.Agent?.LinkAddress ?? "", string.Join(", ", host.Agent?.Sources ?? []),
                    string.Join(", ", host.Agent?.Replicas ?? []));
        });
        return ExitCode.Ok;
    }
}
