// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Systemd;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;

namespace Lifeboat.Cli.Commands;

internal sealed class AgentAddCommand : LifeboatCommand
{
    private readonly Argument<string> _host = new("host") { Description = "The name that its host gets in this site" };
    private readonly Option<string> _link = new("--link-listen")
    {
        Description = "address:port for agents of paired sites (TLS 1.3)",
        DefaultValueFactory = _ => "127.0.0.1:0",
    };

    public AgentAddCommand() : base("agent", "add", "Give this site one more agent, with its watchdog")
    {
        Add(_host);
        Add(_link);
    }

    protected override Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var agent = new AgentConfiguration(parsed.GetRequiredValue(_host), parsed.GetRequiredValue(_link));
        var place = SiteInitializer.AddAgent(session.SiteDirectory, agent, session.Time,
            () => session.Begin($"make the agent of host {agent.Host}"));
        var isService = SiteServices.Of(session.SiteDirectory).Installed.Count > 0;
        var started = !isService && SiteProcesses.IsStarted(session.SiteDirectory);
        if (started) SiteProcesses.StartWatchdog(session.SiteDirectory);
        session.Output.Talk($"the agent of host {agent.Host} is set up in {place.Root}"
            + (started ? " and starts" : isService ? $"; next: lifeboat -d {place.Root} agent install"
                : "; it starts with the site"));
        return Task.FromResult(ExitCode.Ok);
    }
}
