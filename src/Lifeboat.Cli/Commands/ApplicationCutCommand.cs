// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class ApplicationCutCommand : LifeboatCommand
{
    private readonly Argument<string> _application = Inputs.Application();
    private readonly Option<string?> _label = new("--label") { Description = "A label to find it by" };

    public ApplicationCutCommand() : base("application", "cut",
        "Cut one recovery point over all groups of an application and wait until each has sealed it")
    {
        Add(_application);
        Add(_label);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var result = await session.Controller.CreateSharedPointAsync(parsed.GetRequiredValue(_application),
            new CreateSharedPointRequest(parsed.GetValue(_label)), ct);
        session.Output.WriteFacts(result,
        [
            ("point", result.Point.Id.ToString()), ("cut at", Show.Time(result.Point.CutAt)),
            ("groups", string.Join(", ", result.Point.Points.Keys.Order(StringComparer.Ordinal))),
            ("sealed", result.Sealed ? "in every group" : "not yet"),
            ("acknowledgements held", $"{result.Held.TotalMilliseconds:0.00} ms at most"),
        ]);
        return ExitCode.Ok;
    }
}
