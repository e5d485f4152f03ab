// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Quiescing;
using Lifeboat.Quiescing.OutOfProcess;

namespace Lifeboat.Cli.Commands;

internal sealed class QuiesceConformanceCommand : LifeboatCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly Option<string> _socket = new("--socket")
    {
        Description = "Unix socket of the provider", HelpName = "PATH", Required = true,
    };
    private readonly Option<string> _instance = new("--instance")
    {
        Description = "An instance that it may quiesce, some ten times", DefaultValueFactory = _ => "conformance",
    };
    private readonly Option<string[]> _settings = new("--setting")
    {
        Description = "A setting of the step; may be repeated", HelpName = "NAME=VALUE",
        DefaultValueFactory = _ => [],
    };

    public QuiesceConformanceCommand() : base("quiesce", "conformance",
        "Try whether a quiesce provider at a socket does what docs/formats/quiesce-protocol.md asks for; needs no site")
    {
        Add(_socket);
        Add(_instance);
        Add(_settings);
        _settings.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(t => t.Value.IndexOf('=', StringComparison.Ordinal) < 1))
                result.AddError($"'{token.Value}' is no NAME=VALUE");
        });
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var target = new QuiesceTarget(parsed.GetRequiredValue(_instance), null, session.SiteDirectory, session.Time)
        {
            Settings = parsed.GetRequiredValue(_settings).Select(s => s.Split('=', 2))
                .ToDictionary(s => s[0], s => s[1]),
        };
        var results = await TryAsync(parsed.GetRequiredValue(_socket), target, ct);
        var rows = results.Select(r => new CheckRow(r.Check, r.Problem)).ToList();
        session.Output.Write(rows, table =>
        {
            table.AddColumns("check", "holds", "problem");
            foreach (var row in rows) table.AddRow(row.Check, row.Problem is null ? "yes" : "NO", row.Problem ?? "");
        });
        var failed = rows.Count(r => r.Problem is not null);
        session.Output.Talk(failed == 0 ? $"all {rows.Count} checks hold" : $"{failed} of {rows.Count} checks fail");
        return failed == 0 ? ExitCode.Ok : ExitCode.From(ReasonCode.VerificationFailed);
    }

    private static async Task<IReadOnlyList<(string Check, string? Problem)>> TryAsync(string socket,
        QuiesceTarget target, CancellationToken ct)
    {
        try
        {
            return await ProtocolAcceptance.RunAsync(socket, target, Limit, ct);
        }
        catch (QuiesceProviderException e)
        {
            throw new ProblemException(ReasonCode.InvalidRequest, "--socket: no provider listens there",
                $"{e.Message}. Start it first; it makes the socket itself.", cause: e);
        }
    }

    private sealed record CheckRow(string Check, string? Problem);
}
