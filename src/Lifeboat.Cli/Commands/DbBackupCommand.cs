// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Controller;

namespace Lifeboat.Cli.Commands;

internal sealed class DbBackupCommand : LifeboatCommand
{
    private readonly Argument<FileInfo> _file = new("file") { Description = "The file that is made" };

    public DbBackupCommand() : base("db", "backup",
        "Write the site's database, as one moment shows it, to a file; controllers may run") => Add(_file);

    protected override Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var file = parsed.GetRequiredValue(_file).FullName;
        UserFile.MustBeWritable(_file.Name, file);
        var copy = DatabaseCare.Backup(session.SiteDirectory, file, session.Time);
        session.Output.WriteFacts(copy, [("database", copy.Place), ("file", copy.File), ("rows", $"{copy.Rows}")]);
        return Task.FromResult(ExitCode.Ok);
    }
}
