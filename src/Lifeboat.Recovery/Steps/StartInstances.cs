// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Starts the members from the view, in boot order: those of a rank side by side, since most of a start is waiting for
/// the site; a later rank waits until the guest agents of the one before answer. Needs: the view, boot files and
/// networks. Effect: running instances. Repeated: those that run are left alone. Undone: they are stopped, copies also
/// removed.
/// </summary>
/// <param name="InBubble">Copies under another name in the drill's networks; else the instances themselves.</param>
[Step("start-instances")]
public sealed record StartInstances(bool InBubble) : IUndoableStep
{
    // More would only stand in line at the site.
    private const int AtOnceMax = 8;
    private static readonly TimeSpan RankLimit = TimeSpan.FromMinutes(5);

    public string Describe() => InBubble ? "start copies in the isolated networks" : "start the instances";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        var started = new List<StartedInstance>();
        var warnings = new List<string>();
        var ranks = Bootable(group).GroupBy(m => m.BootOrder).OrderBy(r => r.Key).ToList();
        foreach (var rank in ranks)
        {
            var (before, all) = (started.Count, ranks.Sum(r => r.Count()));
            started.AddRange(await StartRankAsync(context, group, rank,
                (count, name) => context.Report((double)(before + count) / all, name), ct));
            if (rank != ranks[^1]) warnings.AddRange(await WaitForRankAsync(context, rank, ct));
        }
        return new StepOutcome
        {
            Evidence = [.. started.Select(s => $"{s.Name} started at {s.StartedAt:u}")],
            Warnings = warnings,
            Output = new StartedInstances(started),
        };
    }

    // When one fails, no further one is begun, and those that are under way have ended before it is told: then all that
    // there is to undo is there.
    private async Task<IReadOnlyList<StartedInstance>> StartRankAsync(StepContext context, GroupDefinition group,
        IEnumerable<GroupMember> rank, Action<int, string> tell, CancellationToken ct)
    {
        using var places = new SemaphoreSlim(AtOnceMax);
        var (ended, failed) = (0, false);
        return await Task.WhenAll(rank.Select(StartAsync));

        async Task<StartedInstance> StartAsync(GroupMember member)
        {
            await places.WaitAsync(ct);
            try
            {
                if (Volatile.Read(ref failed))
                    throw new OperationCanceledException("another start of its rank failed");
                await context.Here.StartAsync(RequestFor(context, group, member), ct);
                tell(Interlocked.Increment(ref ended), member.Instance);
                return new StartedInstance(member.Instance, NameOf(context, member), context.Time.GetUtcNow());
            }
            catch
            {
                Volatile.Write(ref failed, true);
                throw;
            }
            finally
            {
                places.Release();
            }
        }
    }

    public async Task UndoAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        foreach (var member in Bootable(group))
        {
            // An instance may have had disks of its own here from an earlier stint: its record is kept (I5).
            if (InBubble) await context.Here.RemoveAsync(NameOf(context, member), ct);
            else await context.Here.StopAsync(group.Name, member.Instance, ct);
        }
    }

    internal static IEnumerable<GroupMember> Bootable(GroupDefinition group) =>
        group.Members.Where(m => m.Kind is MemberKind.Replicated);

    /// <summary>Name of a drill's copy: unique per run, and short enough for any name.</summary>
    internal static string CopyName(string tag, string instance)
    {
        var name = $"{tag}-{instance}";
        return name.Length <= 40 ? name : name[..40];
    }

    private string NameOf(StepContext context, GroupMember member) =>
        InBubble ? CopyName(context.Tag, member.Instance) : member.Instance;

    private StartRequest RequestFor(StepContext context, GroupDefinition group, GroupMember member)
    {
        var view = context.Output<OpenedView>().View;
        // A kept state may have a volume that the group has given up since.
        var former = group.Former.Where(f => f.Volume.Instance == member.Instance
            && member.Volumes.All(v => v.Name != f.Volume.Name)).DistinctBy(f => f.Volume.Name).ToList();
        IReadOnlyList<GroupVolume> volumes = [.. member.Volumes, .. former.Select(f => f.Volume)];
        // A disk that was plugged in after the point is not in it, and one that has grown since is as long as it was.
        var disks = from volume in volumes
                    let source = view.Volumes.FirstOrDefault(v => v.Name == volume.Name)
                    where source is not null
                    select new DiskSource(volume.Disk, null, source.Socket, source.Export, KeepWrites: !InBubble)
                    {
                        Point = PointOf(context.Run.Group, view, volume),
                    };
        var sizes = volumes.Join(view.Volumes, v => v.Name, v => v.Name, (v, s) => (v.Disk, s.SizeBytes))
            .ToDictionary(s => s.Disk, s => s.SizeBytes);
        return new StartRequest
        {
            Instance = NameOf(context, member),
            Description = member.Description with
            {
                Name = NameOf(context, member),
                Disks =
                [
                    .. member.Description.Disks.Concat(former.Select(f => f.Disk)).Where(d => sizes.ContainsKey(d.Name))
                        .Select(d => d with { SizeBytes = sizes[d.Name] }),
                ],
            },
            Disks = [.. disks],
            Bubble = InBubble ? context.Tag : null,
        };
    }

    private static ViewPoint? PointOf(string name, ViewInfo view, GroupVolume volume) => view.Replica is { } replica
        ? new ViewPoint(name, volume.Name, replica, view.Sequence) : null;

    private async Task<IReadOnlyList<string>> WaitForRankAsync(StepContext context, IEnumerable<GroupMember> rank,
        CancellationToken ct)
    {
        var probes = context.Here.Ability<IProbesGuests>();
        var until = context.Time.GetUtcNow() + RankLimit;
        var silent = new List<string>();
        foreach (var member in rank.Where(m => m.Description.GuestAgent && probes is not null))
        {
            var name = NameOf(context, member);
            while (!await probes!.AgentAnswersAsync(name, ct) && context.Time.GetUtcNow() < until)
                await Task.Delay(TimeSpan.FromSeconds(1), context.Time, ct);
            if (context.Time.GetUtcNow() >= until)
                silent.Add($"{name} was not up after {RankLimit}; the next rank was started all the same");
        }
        return silent;
    }
}
