// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

/// <summary>
/// Work on the seed of a group at a directory: says on stderr how far it is while its request is waited for, then what
/// the seed holds.
/// </summary>
internal abstract class SeedCommand : LifeboatCommand
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<DirectoryInfo> _directory;

    private protected SeedCommand(string verb, string does, string option, string directory) : base("seed", verb, does)
    {
        _directory = new Option<DirectoryInfo>(option) { Description = directory, Required = true };
        Add(_group);
        Add(_directory);
    }

    private protected abstract Task<SeedInfo> AskAsync(
        ControllerClient controller, string group, SeedRequest request, CancellationToken ct);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = parsed.GetRequiredValue(_group);
        var request = new SeedRequest(parsed.GetRequiredValue(_directory).FullName);
        var work = AskAsync(session.Controller, group, request, ct);
        Write(session.Output, await FollowAsync(session, group, work, ct));
        return ExitCode.Ok;
    }

    private static async Task<SeedInfo> FollowAsync(
        CommandSession session, string group, Task<SeedInfo> work, CancellationToken ct)
    {
        while (await Task.WhenAny(work, Task.Delay(Every, session.Time, ct)) != work)
        {
            ct.ThrowIfCancellationRequested();
            var now = await session.Controller.SeedProgressAsync(group, ct);
            if (now.Work is SeedWork.None || now.Done == 0) continue;
            session.Output.Talk($"{Show.Name(now.Work)}: {Show.Bytes(now.Done)} of {Show.Bytes(now.Total)}"
                + (now.Left is { } left ? $", about {Show.Span(left)} left" : ""));
        }
        return await work;
    }

    private static void Write(CommandOutput output, SeedInfo seed) => output.WriteFacts(seed,
    [
        ("seed", seed.Directory),
        ("group", $"{seed.Group}, from {seed.PrimarySite} to {seed.RecoverySite}, epoch {seed.Epoch}"),
        ("written", $"{Show.Time(seed.BeganAt)} to {Show.Time(seed.EndedAt)}"),
        ("stored", Show.Bytes(seed.StoredBytes)),
        .. seed.Volumes.Select(v => ("volume", (string?)$"{v.Name}, {Show.Bytes(v.SizeBytes)}")),
    ]);
}
