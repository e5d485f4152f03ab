// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceStartCommand : LifeboatCommand
{
    private readonly Argument<FileInfo> _file = new("file")
    {
        Description = "A start request as JSON: see docs/operating",
    };


    public InstanceStartCommand() : base("instance", "start", "Start an instance from its description") => Add(_file);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var file = parsed.GetRequiredValue(_file);
        var text = await UserFile.ReadAsync(_file.Name, $"{file}", stdin: false, ct);
        StartRequest? request;
        try
        {
            request = JsonSerializer.Deserialize<StartRequest>(text, ContractJson.Options);
        }
        catch (JsonException e)
        {
            throw new ProblemException(ReasonCode.InvalidRequest, $"{file} is not a start request", e.Message,
                cause: e);
        }
        var instance = await session.Controller.StartInstanceAsync(request!, ct);
        session.Output.WriteFacts(instance,
        [
            ("instance", instance.Name), ("power", Show.Name(instance.Power)), ("pid", $"{instance.ProcessId}"),
            ("monitor", instance.QmpSocket), ("guest agent", instance.GuestAgentSocket),
        ]);
        return ExitCode.Ok;
    }
}
