// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Controller;

namespace Lifeboat.Cli.Commands;

internal sealed class DbRestoreCommand : LifeboatCommand
{
    private readonly Argument<FileInfo> _file = new("file") { Description = "What `db backup` wrote, at any engine" };
    private readonly Option<bool> _replace = new("--replace")
    {
        Description = "Drop what is in the database; else it must be empty",
    };

    public DbRestoreCommand() : base("db", "restore",
        "Fill the site's database from a backup, wholly or not at all; no controller may run")
    {
        Add(_file);
        Add(_replace);
    }

    protected override Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var file = parsed.GetRequiredValue(_file).FullName;
        UserFile.MustBeReadable(_file.Name, file);
        var copy = DatabaseCare.Restore(session.SiteDirectory, file, parsed.GetValue(_replace), session.Time,
            () => session.Begin($"restore {file}"));
        session.Output.WriteFacts(copy, [("database", copy.Place), ("file", copy.File), ("rows", $"{copy.Rows}")]);
        return Task.FromResult(ExitCode.Ok);
    }
}
