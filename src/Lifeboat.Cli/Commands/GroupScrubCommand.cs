// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupScrubCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<bool> _wait = new("--wait", "-w") { Description = "Until everything was read once" };

    public GroupScrubCommand()
        : base("group", "scrub", "Read and verify all of a group's replica now, at the recovery site")
    {
        Add(_group);
        Add(_wait);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var name = parsed.GetRequiredValue(_group);
        var before = (await session.Controller.GroupAsync(name, ct)).Replica?.Scrub?.LastPassAt;
        var group = await session.Controller.ScrubAsync(name, ct);
        if (parsed.GetValue(_wait)) group = await WaitAsync(session, name, before, ct);
        GroupTable.Write(session.Output, group, session.Time);
        return group.Replica is { Damages: { Count: > 0 } damages } && damages.Any(d => d.MendedAt is null)
            ? (int)ReasonCode.ReplicaDamaged
            : ExitCode.Ok;
    }

    private static async Task<GroupInfo> WaitAsync(
        CommandSession session, string name, DateTimeOffset? before, CancellationToken ct)
    {
        while (true)
        {
            var group = await session.Controller.GroupAsync(name, ct);
            if (group.Replica?.Scrub is not { } scrub || scrub.LastPassAt != before) return group;
            session.Output.Talk($"read {Show.Bytes(scrub.PassBytes)}");
            await Task.Delay(TimeSpan.FromSeconds(1), session.Time, ct);
        }
    }
}
