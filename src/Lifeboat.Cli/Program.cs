// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Cli;

var root = CommandTree.Build(args);
var parsed = root.Parse(args);
// A wrong command line is `usage`; what a command itself refuses comes back as the reason's own exit code.
if (parsed.Errors.Count > 0 && parsed.Action is null or System.CommandLine.Invocation.ParseErrorAction)
{
    if (CommandLineFaults.OnlyLacksVerb(parsed))
        await parsed.InvokeAsync(new InvocationConfiguration(), CancellationToken.None);
    else CommandLineFaults.Write(parsed, new CommandOutput("table", Console.Out, Console.Error));
    return ExitCode.Usage;
}
return await parsed.InvokeAsync(new InvocationConfiguration(), CancellationToken.None);
