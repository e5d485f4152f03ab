// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>A command: one file in Commands/. Stdout is data, stderr is talk, exit codes are reasons.</summary>
internal abstract class LifeboatCommand : Command
{
    private readonly Option<bool>? _dryRun;

    protected LifeboatCommand(string? noun, string verb, string description) : base(verb, description)
    {
        Noun = noun;
        if (DryRuns.Offers(FullName)) Add(_dryRun = Inputs.Try());
        SetAction(InvokeAsync);
    }

    public string? Noun { get; }

    /// <summary>As it is typed, e.g. `group create`.</summary>
    public string FullName => Noun is null ? Name : $"{Noun} {Name}";

    protected abstract Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct);

    private async Task<int> InvokeAsync(ParseResult parsed, CancellationToken ct)
    {
        var output = new CommandOutput(parsed.GetValue(GlobalOptions.Output)!, Console.Out, Console.Error);
        var directory = Path.GetFullPath(parsed.GetValue(GlobalOptions.SiteDirectory)!);
        await using var session = new CommandSession(directory, output, TimeProvider.System)
        {
            Profile = parsed.GetValue(GlobalOptions.Profile),
            OsCloud = parsed.GetValue(GlobalOptions.OsCloud),
            Tenant = parsed.GetValue(GlobalOptions.Tenant),
            IsDryRun = _dryRun is not null && parsed.GetValue(_dryRun),
        };
        try
        {
            return await RunAsync(parsed, session, ct);
        }
        catch (DryRunEndException end)
        {
            Show(end, output);
            return ExitCode.Ok;
        }
        catch (ProblemException problem)
        {
            output.Problem(problem.Reason, problem.Message, problem.Detail, problem.Errors);
            return ExitCode.From(problem.Reason);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            output.Talk("interrupted; what was started goes on at the site");
            return ExitCode.Interrupted;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            output.Problem(ReasonCode.InvalidRequest, e.Message, "Name a file that is there.", null);
            return ExitCode.From(ReasonCode.InvalidRequest);
        }
        catch (Exception e) when
            (e is HttpRequestException or IOException or JsonException or UnauthorizedAccessException)
        {
            output.Problem(ReasonCode.Unexpected, e.Message, null, null);
            return ExitCode.From(ReasonCode.Unexpected);
        }
    }

    private static void Show(DryRunEndException end, CommandOutput output)
    {
        output.WriteFacts(new { end.Answer.Request, end.Answer.Does, end.Answer.Checked, end.Body },
        [
            ("would", end.Answer.Request), ("that", end.Answer.Does),
            ("with", end.Body is { Count: > 0 } body ? body.ToJsonString() : null),
            .. end.Answer.Checked.Select(c => ("checked", (string?)c)),
        ]);
        output.Talk("nothing was changed");
    }
}
