// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class AuditVerifyCommand : LifeboatCommand
{
    private readonly Option<string?> _head = new("--head")
    {
        Description = "A head that was noted earlier and must still be in it",
        HelpName = "NUMBER:SEAL",
    };

    public AuditVerifyCommand() : base("audit", "verify",
        "Look through the whole audit log for rows that were changed") => Add(_head);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var verdict = await session.Controller.VerifyAuditAsync(parsed.GetValue(_head), ct);
        session.Output.WriteFacts(verdict,
        [
            ("rows", verdict.Rows.ToString(CultureInfo.InvariantCulture)),
            ("oldest", verdict.First.ToString(CultureInfo.InvariantCulture)), ("head", verdict.Head),
            ("first that does not fit", verdict.Broken is { } at ? $"{at}: {verdict.Problem}" : null),
        ]);
        if (verdict.Broken is null) return ExitCode.Ok;
        session.Output.Problem(ReasonCode.AuditBroken, $"row {verdict.Broken} does not fit: {verdict.Problem}", null,
            null);
        return ExitCode.From(ReasonCode.AuditBroken);
    }
}
