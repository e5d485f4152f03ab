// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class PointDigestCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string?> _point = Inputs.Point();
    private readonly Option<string?> _expected = DigestTable.Expected();

    public PointDigestCommand() : base("point", "digest",
        "Read all of a recovery point and give its digest, at the recovery site")
    {
        Add(_group);
        Add(_point);
        Add(_expected);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = parsed.GetRequiredValue(_group);
        var digest = parsed.GetValue(_point) is { } text
            ? await session.Controller.PointDigestAsync(group, session.PointId(text), ct)
            : await session.Controller.NewestPointDigestAsync(group, ct);
        return DigestTable.Write(session.Output, digest, parsed.GetValue(_expected));
    }
}
