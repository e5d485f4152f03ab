// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class ApplyCommand : LifeboatCommand
{
    private readonly Option<string[]> _files = new("--file", "-f")
    {
        Description = "YAML file, folder of such, or - for stdin; may be repeated",
        HelpName = "FILE",
        Required = true,
    };

    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Show what would change; change nothing",
    };

    private readonly Option<bool> _prune = new("--prune")
    {
        Description = "Delete what no document declares, of the kinds and tenants that occur in the files",
    };

    private readonly Option<bool> _deleteGroups = new("--delete-groups")
    {
        Description = "Let --prune delete groups too, with their replicas and all their points",
    };

    private readonly Option<bool> _tokens = new("--tokens")
    {
        Description = "Make a token (12 hours) for each user that is made, and print it this once",
    };

    public ApplyCommand() : base(null, "apply", "Make what is there as YAML files declare it, and show the difference")
    {
        Option[] options = [_files, _dryRun, _prune, _deleteGroups, _tokens];
        foreach (var option in options) Add(option);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var request = new ApplyRequest
        {
            Files = await DeclarationFiles.ReadAsync(parsed.GetRequiredValue(_files), ct),
            DryRun = true,
            Prune = parsed.GetValue(_prune),
            DeleteGroups = parsed.GetValue(_deleteGroups),
        };
        // The difference is shown before it is made, and what is made is that difference or nothing.
        var result = await session.Controller.ApplyAsync(request, ct);
        if (parsed.GetValue(_dryRun) || result.Changes.Count == 0)
        {
            Show(session.Output, result);
            return ExitCode.Ok;
        }
        if (session.Output.ForPeople) Show(session.Output, result);
        result = await session.Controller.ApplyAsync(request with
        {
            DryRun = false,
            Tag = result.Tag,
            Secrets = await DeclarationFiles.SecretsAsync(result.SecretsWanted, ct),
        }, ct);
        if (session.Output.ForPeople) session.Output.Talk("applied");
        else Show(session.Output, result);
        if (parsed.GetValue(_tokens)) await MakeTokensAsync(result, session, ct);
        return ExitCode.Ok;
    }

    private static void Show(CommandOutput output, ApplyResult result)
    {
        var coloured = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("NO_COLOR") is null or "";
        if (!output.ForPeople) output.Write(result, _ => { });
        else foreach (var line in DeclarationDiff.Lines(result, coloured)) output.WriteLine(line);
    }

    private static async Task MakeTokensAsync(ApplyResult result, CommandSession session, CancellationToken ct)
    {
        var made = new List<ApiTokenMade>();
        foreach (var user in result.Changes.Where(c => c is { Kind: "User", Action: ChangeAction.Create }))
        {
            await using var theirs = session.Of(user.Tenant);
            made.Add(await theirs.Controller.CreateApiTokenAsync(new CreateApiTokenRequest
            {
                User = user.Name, Label = "made with the user",
            }, ct));
        }
        session.Output.Write(made, table =>
        {
            table.AddColumns("user", "tenant", "token", "until");
            foreach (var token in made)
                table.AddRow(token.Info.User, token.Info.Tenant ?? "", token.Token,
                    Cli.Show.Time(token.Info.ExpiresAt));
        });
    }
}
