// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Systemd;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Cli;

/// <summary>`controller install` and `agent install`: a role of the site as a service of systemd.</summary>
internal abstract class ServiceInstall : LifeboatCommand
{
    private readonly string _role;
    private readonly Option<string> _directory = UnitDirectory();
    private readonly Option<bool> _print = new("--dry-run") { Description = "Print the unit and change nothing" };

    protected ServiceInstall(string role)
        : base(role, "install", $"Run the {role} of this site as a service of systemd, now and with the machine")
    {
        _role = role;
        Add(_directory);
        Add(_print);
    }

    public static Option<string> UnitDirectory() => new("--unit-dir")
    {
        Description = "Where the unit goes. Elsewhere than by default it is only written, and nothing is started",
        HelpName = "DIRECTORY",
        DefaultValueFactory = _ => SiteServices.UnitDirectory,
    };

    public static ServiceUnit Unit(string role, CommandSession session) =>
        new(role, SiteConfiguration.Read(session.SiteDirectory), session.Paths, Launcher.OfThisProcess());

    public static bool IsRun(string directory, SiteServices services) =>
        directory == SiteServices.UnitDirectory && services.CanRun;

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var unit = Unit(_role, session);
        if (parsed.GetValue(_print))
        {
            await Console.Out.WriteAsync(unit.Text());
            return ExitCode.Ok;
        }
        var directory = parsed.GetRequiredValue(_directory);
        var start = IsRun(directory, SiteServices.Of(session.SiteDirectory));
        var path = await SiteServices.InstallAsync(unit, directory, start, ct);
        session.Output.Talk($"{path} is written" + (start ? $"; {unit.Name} runs"
            : "; systemd does not run here or does not look there, so nothing was started"));
        return ExitCode.Ok;
    }
}

/// <summary>`controller uninstall` and `agent uninstall`.</summary>
internal abstract class ServiceUninstall : LifeboatCommand
{
    private readonly string _role;
    private readonly Option<string> _directory = ServiceInstall.UnitDirectory();

    protected ServiceUninstall(string role)
        : base(role, "uninstall", $"Stop the service of the {role} and take its unit away; instances go on")
    {
        _role = role;
        Add(_directory);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var directory = parsed.GetRequiredValue(_directory);
        var stop = ServiceInstall.IsRun(directory, SiteServices.Of(session.SiteDirectory));
        var unit = ServiceInstall.Unit(_role, session);
        session.Begin($"take {unit.Name} away from {directory}");
        await SiteServices.UninstallAsync(unit, directory, stop, ct);
        return ExitCode.Ok;
    }
}
