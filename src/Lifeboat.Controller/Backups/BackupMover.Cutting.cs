// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Backups;

internal sealed partial class BackupMover
{
    private static readonly TimeSpan PointLook = TimeSpan.FromMilliseconds(500);

    /// <summary>Asks for a point and waits for it; whichever controller has the group's lease makes it.</summary>
    /// <exception cref="ProblemException">WrongSite; why it did not come about.</exception>
    public async Task<CheckpointResult> CheckpointAsync(string group, CheckpointRequest request, CancellationToken ct)
    {
        var definition = RequireGroup(group);
        if (definition.PrimarySite != here || specs.Source(group) is not { Active: true })
            throw new ProblemException(ReasonCode.WrongSite, $"the volumes of group {group} are not backed up here",
                $"Ask the controller of {definition.PrimarySite}.");
        // A run that is taken up again goes on with the point that it asked for.
        var point = request.CleanShutdown && points.Of(group).FirstOrDefault(p => p.Point.Label == request.Label
            && p.Point.Epoch == definition.Epoch && p.Phase is not BackupPhase.Failed) is { } same
            ? same : Ask(definition, request.Label, request.CleanShutdown);
        var until = time.GetUtcNow() + (request.WaitSealed ?? TimeSpan.Zero);
        while (true)
        {
            var now = points.Find(point.Point.Id) ?? throw new ProblemException(ReasonCode.PointUnknown,
                $"point {point.Point.Id} of {group} is gone while it was waited for");
            if (now.Phase is BackupPhase.Failed) throw new ProblemException(now.Reason, now.Detail ?? "no point");
            // Whoever goes on with it, a controller that stops does not wait for it.
            if (now.Phase is BackupPhase.Whole || time.GetUtcNow() >= until
                || life.ApplicationStopping.IsCancellationRequested)
                return new CheckpointResult(now.Point, now.Phase is BackupPhase.Whole, now.Frozen ?? TimeSpan.Zero,
                    now.Frozen);
            await Task.Delay(PointLook, time, ct);
        }
    }

    private BackupPoint Ask(GroupDefinition group, string? label, bool clean)
    {
        var now = time.GetUtcNow();
        var sequence = points.Of(group.Name).Select(p => p.Point.Sequence).DefaultIfEmpty().Max() + 1;
        var point = new BackupPoint
        {
            Group = group.Name,
            Point = new RecoveryPoint(Guid.CreateVersion7(now), sequence, group.Epoch, now,
                clean ? Consistency.CleanShutdown : Consistency.Crash, PointState.Open, label, null,
                new Dictionary<string, Consistency>()),
            Site = here,
            Phase = BackupPhase.Asked,
        };
        points.Save(point);
        return point;
    }

    // Guests wait between the hold and the release, and nowhere else.
    private async Task<BackupPoint> CutAsync(GroupDefinition group, BackupPoint point, CancellationToken ct)
    {
        var volumes = await VolumesAsync(group, ct);
        var users = volumes.Values.SelectMany(v => v.Users).Distinct(StringComparer.Ordinal).ToList();
        var clean = point.Point.Consistency is Consistency.CleanShutdown;
        if (clean && users.Count > 0)
            throw new ProblemException(ReasonCode.WrongState, $"volumes of group {group.Name} are in servers that run: "
                + string.Join(", ", users), "Shut them down: what they write after the point would be lost.");
        point = point with { Phase = BackupPhase.Cutting };
        points.Save(point);
        var rest = await RestAsync(group, volumes.Values, users, ct);
        var began = time.GetUtcNow();
        Dictionary<string, string> snapshots;
        try
        {
            var ids = volumes.ToDictionary(v => v.Key, v => v.Value.Id, StringComparer.Ordinal);
            snapshots = new(await SnapshotAsync(group, point, ids, ct), StringComparer.Ordinal);
        }
        finally
        {
            rest = await ReleaseAsync(group, rest);
        }
        if (rest.Lost)
            throw new ProblemException(ReasonCode.QuiesceFailed, $"servers of group {group.Name} were let go on before "
                + "all snapshots were there", $"The limit is {group.Policy.QuiesceLimit}; policy.quiesceLimit can be "
                + "up to 1 min.");
        return point with
        {
            Phase = BackupPhase.Copying,
            Snapshots = snapshots,
            Frozen = rest.Held.Count == 0 ? null : time.GetUtcNow() - began,
            Point = point.Point with
            {
                CutAt = began,
                Consistency = clean ? Consistency.CleanShutdown : rest.Reached,
                Note = rest.Note,
                Quiesced = rest.Members.ToDictionary(m => m.Instance, m => m.Reached, StringComparer.Ordinal),
                Evidence = rest.Members.Count == 0 ? null : rest.Members.ToDictionary(m => m.Instance,
                    m => string.Join("; ", m.Evidence), StringComparer.Ordinal),
            },
        };
    }

    /// <summary>The group's volumes at this site by the names that it has for them.</summary>
    /// <exception cref="ProblemException">VolumeUnknown.</exception>
    private async Task<Dictionary<string, SiteVolume>> VolumesAsync(GroupDefinition group, CancellationToken ct)
    {
        var all = await AskAsync(Driver().VolumesAsync(ct));
        var found = new Dictionary<string, SiteVolume>(StringComparer.Ordinal);
        var missing = new List<string>();
        foreach (var volume in group.Volumes)
        {
            if (HomeOf(group, volume, all) is { } home) found[volume.Name] = home;
            else missing.Add(volume.Name);
        }
        return missing.Count == 0 ? found : throw new ProblemException(ReasonCode.VolumeUnknown,
            $"site {here} has no volume for {string.Join(", ", missing)} of group {group.Name} any more");
    }

    // After a failover it is the one that was restored last, and at its first site again the one that it came from.
    internal static SiteVolume? HomeOf(GroupDefinition group, GroupVolume volume, IReadOnlyList<SiteVolume> all)
    {
        var restored = all.Where(v => v.Restored is { Whole: true, Epoch: not null } mark && mark.Group == group.Name
            && mark.Volume == volume.Name).MaxBy(v => v.Restored!.Epoch);
        var disk = group.Members.Select(m => m.CloudDiskOf(volume)).OfType<Protection.Instances.CloudDisk>().First();
        return restored ?? all.FirstOrDefault(v => v.Id == disk.VolumeId);
    }

    private async Task<Rest> RestAsync(GroupDefinition group, IEnumerable<SiteVolume> volumes,
        IReadOnlyList<string> users, CancellationToken ct)
    {
        if (users.Count == 0) return Rest.None with { Note = "no server that runs has its volumes" };
        var rest = Rest.None;
        try
        {
            var found = new List<SiteInstance>();
            foreach (var user in users) found.Add(await instances.GetAsync(user, ct));
            foreach (var host in found.GroupBy(i => i.Host))
            {
                IReadOnlyList<HoldMember> members =
                    [.. host.Select(i => new HoldMember(i.Name, i.GuestAgentSocket, RuleOf(group, i.Name)))];
                var info = await agents.Of(host.Key).HoldAsync(new HoldRequest(
                    Guid.CreateVersion7(time.GetUtcNow()), group.Name, members, group.Policy.QuiesceLimit, true), ct);
                rest = rest.With(new HeldHost(host.Key, members, info));
            }
            return rest;
        }
        catch (ProblemException e)
        {
            await ReleaseAsync(group, rest);
            // Several volumes of servers that go on writing would be of several moments, and no state of anything.
            if (group.Policy.OnQuiesceFailure is QuiesceFailure.Strict || volumes.Count(v => v.Users.Count > 0) > 1)
                throw new ProblemException(ReasonCode.QuiesceFailed,
                    $"servers that have volumes of group {group.Name} cannot be brought to rest: {e.Message}", e.Detail,
                    e.Errors, e);
            return Rest.None with { Note = $"not at rest: {e.Message}" };
        }
    }

    // Not with the caller's token: guests are not to wait for the dead man because a controller stops.
    private async Task<Rest> ReleaseAsync(GroupDefinition group, Rest rest)
    {
        foreach (var (host, members, info) in rest.Held)
        {
            try
            {
                var ended = await agents.Of(host).ReleaseAsync(new ReleaseRequest(info.Id, group.Name, members),
                    CancellationToken.None);
                if (!ended.Held) rest = rest with { Lost = true };
            }
            catch (ProblemException e)
            {
                // The dead man lets them go; whether that was before the snapshots nobody knows.
                LogNotReleased(group.Name, host, e.Reason, e.Message);
                rest = rest with { Lost = true };
            }
        }
        return rest;
    }

    // A server that a group of its own protects is brought to rest as that one says.
    private QuiesceRule RuleOf(GroupDefinition group, string instance) =>
        (groups.WithMember(instance)?.Policy ?? group.Policy).Quiesce.Of(instance) with
        {
            OnFailure = QuiesceFailure.Strict,
        };

    /// <summary>Who is held, and what they reached.</summary>
    private sealed record Rest(IReadOnlyList<HeldHost> Held, Consistency Reached, string? Note, bool Lost)
    {
        public static readonly Rest None = new([], Consistency.Crash, null, false);

        public IReadOnlyList<QuiescedInstance> Members => [.. Held.SelectMany(h => h.Info.Members)];

        public Rest With(HeldHost host) => this with
        {
            Held = [.. Held, host],
            Reached = Held.Count == 0 || host.Info.Reached < Reached ? host.Info.Reached : Reached,
        };
    }

    private sealed record HeldHost(string Host, IReadOnlyList<HoldMember> Asked, QuiesceInfo Info);

    [LoggerMessage(EventIds.BackupHoldNotReleased, LogLevel.Warning,
        "Servers of {Group} at host {Host} could not be let go on: {Reason}: {Message}")]
    private partial void LogNotReleased(string group, string host, ReasonCode reason, string message);
}
