// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ManCommand : LifeboatCommand
{
    private readonly Argument<string> _directory = new("directory")
    {
        Description = "Where they are written, e.g. /usr/local/share/man/man1",
    };

    public ManCommand() : base(null, "man", "Write manual pages of all commands, made from the commands themselves") =>
        Add(_directory);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var directory = UserFile.Folder(_directory.Name, parsed.GetRequiredValue(_directory));
        var written = 0;
        foreach (var (name, text) in ManualPages.Of(CommandTree.Build()))
        {
            await File.WriteAllTextAsync(Path.Combine(directory, name + ".1"), text, ct);
            written++;
        }
        session.Output.Talk($"{written} manual pages are in {directory}");
        return ExitCode.Ok;
    }
}
