// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Controller;

namespace Lifeboat.Cli.Commands;

internal sealed class OpenApiCommand() : LifeboatCommand(null, "openapi",
    "Print the OpenAPI 3.1 document of the controller's API; needs no site")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await Console.Out.WriteLineAsync((await ControllerDescription.OpenApiAsync(ct)).AsMemory(), ct);
        return ExitCode.Ok;
    }
}
