// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class CompletionCommand : LifeboatCommand
{
    // The shell asks the program itself ([suggest:POSITION] of System.CommandLine), so nothing here grows old.
    private static readonly Dictionary<string, string> Scripts = new()
    {
        ["bash"] = """
            # lifeboat completion bash > /etc/bash_completion.d/lifeboat
            _lifeboat() {
              local IFS=$'\n'
              COMPREPLY=( $(compgen -W "$(lifeboat "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" \
                -- "${COMP_WORDS[COMP_CWORD]}") )
            }
            complete -o default -F _lifeboat lifeboat
            """,
        ["zsh"] = """
            #compdef lifeboat
            # lifeboat completion zsh > "${fpath[1]}/_lifeboat"
            _lifeboat() {
              local -a found
              found=( ${(f)"$(lifeboat "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)"} )
              (( ${#found} )) && compadd -- $found || _files
            }
            compdef _lifeboat lifeboat
            """,
        ["fish"] = """
            # lifeboat completion fish > ~/.config/fish/completions/lifeboat.fish
            function __lifeboat
              set -l line (commandline -cp)
              lifeboat "[suggest:"(string length -- $line)"]" $line 2>/dev/null
            end
            complete -c lifeboat -a '(__lifeboat)'
            """,
    };

    private readonly Argument<string> _shell =
        new Argument<string>("shell") { Description = "bash, zsh or fish" }.AcceptOnlyFromAmong([.. Scripts.Keys]);

    public CompletionCommand() : base(null, "completion",
        "Print a script that lets a shell complete commands, options and their values") => Add(_shell);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await Console.Out.WriteLineAsync(Scripts[parsed.GetRequiredValue(_shell)].AsMemory(), ct);
        return ExitCode.Ok;
    }
}
