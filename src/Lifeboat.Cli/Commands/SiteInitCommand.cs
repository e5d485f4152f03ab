// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Controller;

namespace Lifeboat.Cli.Commands;

internal sealed class SiteInitCommand : LifeboatCommand
{
    private readonly Option<string> _name = new("--name") { Description = "Name of the site", Required = true };
    private readonly Option<string> _controller = new("--controller-listen")
    {
        Description = "address:port for controllers of paired sites (HTTPS)",
        DefaultValueFactory = _ => "127.0.0.1:7401",
    };

    private readonly Option<string> _link = new("--link-listen")
    {
        Description = "address:port for agents of paired sites (TLS 1.3)",
        DefaultValueFactory = _ => "127.0.0.1:7402",
    };

    private readonly Option<string?> _advertise = new("--link-advertise")
    {
        Description = "host:port that paired sites ship to, when it is not the one listened on (NAT, a name)",
    };

    private readonly Option<string?> _database = new("--database")
    {
        Description = "postgresql://USER@HOST/DATABASE of the site's controllers; without it a SQLite file serves one",
    };

    private readonly Option<string?> _password = new("--database-password-file")
    {
        Description = "File of mode 0600 with the password of the database's user",
    };

    public SiteInitCommand() : base("site", "init", "Make a site: its directory, its CA and certificates")
    {
        Add(_name);
        Add(_controller);
        Add(_link);
        Add(_advertise);
        Add(_database);
        Add(_password);
    }

    protected override Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        SiteInitializer.Init(session.SiteDirectory, parsed.GetRequiredValue(_name),
            parsed.GetRequiredValue(_controller), parsed.GetRequiredValue(_link),
            parsed.GetValue(_advertise), parsed.GetValue(_database), parsed.GetValue(_password),
            () => session.Begin($"make site {parsed.GetRequiredValue(_name)}"));
        session.Output.Talk($"site {parsed.GetRequiredValue(_name)} is set up in {session.SiteDirectory}; "
            + $"next: lifeboat -d {session.SiteDirectory} site start");
        return Task.FromResult(ExitCode.Ok);
    }
}
