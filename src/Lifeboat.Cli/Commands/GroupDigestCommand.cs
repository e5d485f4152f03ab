// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupDigestCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string?> _expected = DigestTable.Expected();

    public GroupDigestCommand() : base("group", "digest",
        "Read all disks of a paused or stopped group and give their digest, at the primary site")
    {
        Add(_group);
        Add(_expected);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var digest = await session.Controller.SourceDigestAsync(parsed.GetRequiredValue(_group), ct);
        return DigestTable.Write(session.Output, digest, parsed.GetValue(_expected));
    }
}
