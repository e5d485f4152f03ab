// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;

namespace Lifeboat.Cli.Commands;

internal sealed class ControllerAddCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("name") { Description = "The name that it gets in this site" };
    private readonly Option<string> _listen = new("--listen")
    {
        Description = "address:port for controllers of paired sites (HTTPS)",
        Required = true,
    };

    public ControllerAddCommand() : base("controller", "add",
        "Give this site one more controller, with its watchdog; the site's database must be PostgreSQL")
    {
        Add(_name);
        Add(_listen);
    }

    protected override Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var controller = new ControllerConfiguration(parsed.GetRequiredValue(_name), parsed.GetRequiredValue(_listen));
        var place = SiteInitializer.AddController(session.SiteDirectory, controller, session.Time,
            () => session.Begin($"make controller {controller.Name}"));
        var started = SiteProcesses.IsStarted(session.SiteDirectory);
        if (started) SiteProcesses.StartWatchdog(place.Root);
        session.Output.Talk($"controller {controller.Name} is set up in {place.Root}"
            + (started ? " and starts" : "; it starts with the site") + $"; reach it with -d {place.Root}");
        return Task.FromResult(ExitCode.Ok);
    }
}
